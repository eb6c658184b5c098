"""Who is who: one institution under its many names.

words.py         the normal form of a name, in which spellings, languages and abbreviations meet
registry.py      what is known of an institution: names, places, relations
candidates.py    which institutions an affiliation may mean, and what speaks for each
affiliations.py  which of them it does mean, if any, with a probability
chinese.py       the registered institution behind a unit's Chinese name, whole, former or with a part behind it
bilingual.py     how well an English name says what a Chinese name says
trees.py         the committed weights of that decision
"""
