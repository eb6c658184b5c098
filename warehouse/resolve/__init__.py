"""Who is who: one institution under its many names.

words.py         the normal form of a name, in which spellings, languages and abbreviations meet
spelling.py      from a text to the numbers of known words, mended and parted
registry.py      what is known of an institution: names, places, relations
lexicon.py       all names and places of a registry as arrays (arrays.py), in which batches of texts are looked up
candidates.py    which institutions an affiliation may mean
features.py      what speaks for each of them
affiliations.py  which of them it does mean, if any, with a probability
chinese.py       the registered institution behind a unit's Chinese name, whole, former or with a part behind it
bilingual.py     how well an English name says what a Chinese name says
trees.py         the committed weights of that decision
people.py        which mentions are one person: by numbers, then by names with what speaks for them
person_names.py  the normal form of a person's name, in which Chinese and romanised spellings meet
linkage.py       probabilistic linkage with Splink: forms and a committed model in, scored pairs out
"""
