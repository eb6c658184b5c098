"""Personal values stop at the door: the mask shows what may be shown, the pseudonym joins and cannot be guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.keys import Keys
from ingest.privacy import Pseudonymiser, mask, normalise

KEYS = Keys(b"l" * 32, b"p" * 32, b"s" * 32)
MASKED = [
    ("id_number", "610113199001011234", "610***********1234"),
    ("id_number", "61011319900101123x", "610***********123X"),
    ("id_number", "610113900101123", "610********1123"),
    ("id_number", "６１０１１３１９９００１０１１２３４", "610***********1234"),
    ("id_number", "passport E1234567", "***"),
    ("phone", "13812345678", "138****5678"),
    ("phone", "+86 138-1234-5678", "138****5678"),
    ("phone", "029-88201234", "***"),
    ("email", "ZhangSan@xidian.edu.cn", "z***@xidian.edu.cn"),
    ("email", "zhangsan", "***"),
    ("email", "@xidian.edu.cn", "***"),
    ("address", "西安市雁塔区科技路48号", "西安市雁塔区***"),
    ("address", "陕西省西安市雁塔区科技路48号3号楼", "陕西省西安市雁塔区***"),
    ("address", "陕西省蓝田县汤峪镇", "陕西省蓝田县***"),
    ("address", "新疆维吾尔自治区乌鲁木齐市天山区", "新疆维吾尔自治区乌鲁木齐市天山区***"),
    # What ends in 区 is not always a district: an estate or a block of flats says where somebody lives.
    ("address", "怡园小区5号楼", "***"),
    ("address", "科技路48号院小区3号楼", "***"),
    ("address", "西安市莲湖区枣园家属区2单元", "西安市莲湖区***"),
    ("address", "某某别墅区1号", "***"),
]


@pytest.mark.parametrize(("kind", "value", "shown"), MASKED)
def test_a_mask_shows_what_may_be_shown(kind: str, value: str, shown: str):
    assert mask(kind, value) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("联系人电话13812345678，邮箱ZhangSan@xidian.edu.cn。", "联系人电话138****5678，邮箱z***@xidian.edu.cn。"),
        ("Dept. A, +86 138-1234-5678, X University", "Dept. A, 138****5678, X University"),
        ("证件：６１０１１３１９９００１０１１２３ｘ（复印件）", "证件：610***********123X（复印件）"),
        ("ID 61011319900101123X and 138 1234 5678.", "ID 610***********123X and 138****5678."),
        ("身份证号ID61011319900101123Xtel008613812345678", "身份证号ID610***********123Xtel138****5678"),
        ("课题 2019YFA0708300，DOI 10.1000/13812345678901", "课题 2019YFA0708300，DOI 10.1000/13812345678901"),
        ("合同 913502002MA2YJ1XR9G 金额 1,380,000 元", "合同 913502002MA2YJ1XR9G 金额 1,380,000 元"),
        # However an ID number is parted, and those of 15 digits.
        ("证件 610 102 19900101 1234。", "证件 610***********1234。"),
        ("证件610102-19900101-123x", "证件610***********123X"),
        ("证件610102 1990-01-01 1234", "证件610***********1234"),
        ("证件６１０１０２－１９９００１０１－１２３４", "证件610***********1234"),
        ("证件610102\u300019900101\u30001234", "证件610***********1234"),
        ("证件6101 0219 9001 0111 27", "证件610***********1127"),  # its check character is right
        ("旧证610102900101123号", "旧证610********1123号"),
        ("旧证610102 900101 123、610102.900101.124", "旧证610********1123、610********1124"),
        ("旧证６１０１０２９００１０１１２３", "旧证610********1123"),
        ("电话138\u30001234\u30005678或138－1234－5678或138.1234.5678", "电话138****5678或138****5678或138****5678"),
    ],
)
def test_in_a_text_only_what_is_personal_is_masked(text: str, shown: str):
    assert mask("text", text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "订单202306151234567已付",  # 15 digits; no province has the number 20
        "设备IMEI 860102900101123",
        "卡号6222 0219 9001 0112 345",  # 19 digits
        "卡号 6102 0219 9001 0112 34",  # 18 in fours, and the check character is wrong
        "流水610102991301123",  # no month 13
        "流水610102190230123",  # no 30 February
        "账号 610102 19901301 1234",
        "2018 2019 2020 2021 2022 2023 2024",
        "1 2 3 4 5 6 1 9 9 0 0 1 0 1 1 2 3 4 5 6",
        "经度108.94021234，纬度34.34161234",
        "版本 1.2.3.4，编号 100.2019.20",
        "金额 610102900101.12 元",
    ],
)
def test_ordinary_numbers_stay(text: str):
    assert mask("text", text) == text


@given(st.from_regex(r"\A\d{17}[\dX]\Z"))
def test_of_an_id_number_seven_characters_remain(number: str):
    shown = mask("id_number", number)
    assert len(shown) == 18 and shown.count("*") == 11


@given(st.sampled_from(["id_number", "phone", "email", "address"]), st.text(min_size=8, max_size=30))
def test_no_value_of_any_shape_passes_whole(kind: str, value: str):
    assert mask(kind, value) != value
    assert normalise(kind, value) == "" or normalise(kind, value) not in mask(kind, value)


def test_one_person_has_one_pseudonym_however_the_number_is_written():
    pseudonym = Pseudonymiser(KEYS)
    assert pseudonym("id_number", "61011319900101123x") == pseudonym("id_number", " 6101131990 0101123X")
    assert pseudonym("phone", "13812345678") == pseudonym("phone", "+86 138-1234-5678")
    assert pseudonym("email", "Z@X.CN") == pseudonym("email", "z@x.cn")


def test_a_pseudonym_depends_on_key_and_kind_and_names_its_version():
    other = Keys(b"l" * 32, b"q" * 32, b"s" * 32)
    value = "13812345678"
    first = Pseudonymiser(KEYS)("phone", value)
    assert first.startswith("v1:") and len(first) == 35
    assert len({first, Pseudonymiser(other)("phone", value), Pseudonymiser(KEYS)("email", value)}) == 3
