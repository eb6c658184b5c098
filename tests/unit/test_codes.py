"""Check digits, against codes of real organizations and the examples of the standards."""

from __future__ import annotations

import pytest

from ingest.codes import id_number, orcid, ror, uscc

GOOD = [
    (uscc, "91350200MA2YJ1XR9G"),
    (uscc, "91110000101623741K"),
    (uscc, "911101066976941872"),
    (id_number, "11010519491231002X"),  # the example of GB 11643-1999
    (id_number, "440524188001010014"),  # the standard's other one
    (orcid, "0000-0002-1825-0097"),
    (orcid, "https://orcid.org/0000-0002-1694-233X"),
    (ror, "https://ror.org/017zhmm22"),  # Xi'an Jiaotong University
    (ror, "05cf8a891"),
]
BAD = [
    (uscc, "91350211M0000XUF46"),  # reported as really issued, which is why a failing check is only a warning
    (uscc, "91350200MA2YJ1XR9"),
    (uscc, "9135020OMA2YJ1XR9G"),  # O is no character of the code
    (id_number, "110105194912310021"),
    (id_number, "11010519490231002X"),  # 31 February
    (id_number, "11010519491231002x"),
    (orcid, "0000-0002-1825-0098"),
    (orcid, "0000-0002-1825"),
    (ror, "017zhmm23"),
    (ror, "017zhmi22"),  # i is no digit of Crockford's alphabet
    (ror, ""),
]


@pytest.mark.parametrize(("check", "code"), GOOD)
def test_a_right_code_passes(check, code: str):
    assert check(code)


@pytest.mark.parametrize(("check", "code"), BAD)
def test_a_wrong_code_fails(check, code: str):
    assert not check(code)


@pytest.mark.parametrize(("check", "code"), [g for g in GOOD if "/" not in g[1]])
def test_any_single_wrong_digit_is_found(check, code: str):
    for i, c in enumerate(code):
        if c.isdigit():
            wrong = code[:i] + str((int(c) + 1) % 10) + code[i + 1 :]
            assert not check(wrong), f"{wrong} passes"
