"""What the city is made of: real terms and places of the plan (市政发〔2022〕1号), invented people and firms."""

from __future__ import annotations

# District (GB/T 2260) → name, share of the institutions in percent. Shares are invented; they sum to 100.
DISTRICTS: dict[str, tuple[str, int]] = {
    "610102": ("新城区", 6),
    "610103": ("碑林区", 11),
    "610104": ("莲湖区", 7),
    "610111": ("灞桥区", 6),
    "610112": ("未央区", 15),
    "610113": ("雁塔区", 26),
    "610114": ("阎良区", 4),
    "610115": ("临潼区", 3),
    "610116": ("长安区", 14),
    "610117": ("高陵区", 3),
    "610118": ("鄠邑区", 3),
    "610122": ("蓝田县", 1),
    "610124": ("周至县", 1),
}

# Zone → districts it overlaps. The zones issue these codes themselves; they are not in GB/T 2260.
ZONES: dict[str, tuple[str, tuple[str, ...]]] = {
    "610131": ("高新区", ("610113", "610116", "610118")),
    "610132": ("经开区", ("610112", "610117")),
    "610133": ("曲江新区", ("610113",)),
    "610136": ("浐灞生态区", ("610111", "610112")),
    "610139": ("国际港务区", ("610111",)),
    "610140": ("航天基地", ("610116",)),
    "610141": ("航空基地", ("610114",)),
    "610150": ("西咸新区", ("610112", "610116")),
}

# Key industries (boxes 5 to 11) and emerging ones (section 4.2) with the directions the plan names.
INDUSTRIES: dict[str, tuple[str, ...]] = {
    "电子信息": ("专用芯片", "电子元器件", "新型显示", "高端软件", "智能终端", "区块链", "网络安全", "5G技术"),
    "新一代汽车": ("新能源汽车", "智能网联汽车"),
    "航空航天": ("空天动力", "卫星及空间探测", "航空器整机制造", "航天器运行管理", "通用航空"),
    "高端装备": ("高档数控装备", "智能电力装备", "轨道交通装备", "工业互联网"),
    "新材料": ("稀有金属材料", "空天复合材料", "光电能源材料", "汽车轻量化材料", "生物医药材料", "石墨烯材料"),
    "新能源": ("太阳能光伏技术", "氢能技术", "规模储能技术", "清洁能源技术", "能源互联网技术"),
    "食品和生物医药": ("创新药", "高端医疗器械", "精准医疗", "现代中药", "生物育种和绿色食品", "乳制品"),
    "人工智能": ("智能芯片与系统", "智能传感与人机交互"),
    "大数据与云计算": ("大数据平台", "云计算服务"),
    "卫星应用": ("卫星互联网", "北斗导航应用"),
    "增材制造": ("增材制造装备", "增材制造材料"),
    "机器人及无人系统": ("特种机器人", "无人系统"),
}
INDUSTRY_SHARES = (24, 9, 14, 12, 11, 8, 10, 4, 3, 2, 2, 1)

PROGRAMMES: dict[str, tuple[str, int]] = {  # name → code in the project number, share in percent
    "秦创原区域示范工程": ("QCY", 10),
    "秦创原创新平台建设工程": ("QCY", 12),
    "转化孵化能力提升工程": ("QCY", 13),
    "产业链强链补链工程": ("QCY", 16),
    "关键核心技术攻关": ("GJ", 22),
    "揭榜挂帅": ("JB", 7),
    "西安英才计划": ("RC", 8),
    "科技惠民": ("MS", 12),
}

PLATFORM_TYPES = {  # share in percent
    "重点实验室": 20,
    "工程技术研究中心": 18,
    "企业技术中心": 18,
    "技术创新中心": 5,
    "新型研发机构": 8,
    "中试平台": 6,
    "大科学装置": 1,
    "科技企业孵化器": 9,
    "众创空间": 12,
    "加速器": 3,
}

SERVICE_TYPES = ("技术转移机构", "知识产权服务机构", "检验检测机构", "科技金融机构")
SERVICE_WORDS = {
    "技术转移机构": ("技术转移中心有限公司", "国家技术转移示范机构"),
    "知识产权服务机构": ("知识产权代理有限公司", "高新技术企业认定服务机构"),
    "检验检测机构": ("检验检测有限公司", "检验检测机构资质认定"),
    "科技金融机构": ("科技金融服务有限公司", "科技贷款合作机构"),
}

# Characters of the 千字文, by two of which people and firms are told apart: 3,600 names, then they repeat.
CHARACTERS = (
    "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成岁律吕调阳云腾致雨露结为霜金生丽水玉出昆冈剑号巨阙珠称夜光"
)

TITLES = ("教授", "副教授", "研究员", "副研究员", "正高级工程师", "高级工程师", "工程师", "讲师")
TITLE_PATTERNS = (
    "面向{industry}产业链的{discipline}关键技术研究",
    "{discipline}核心部件研制与示范应用",
    "{discipline}共性技术平台建设",
    "{discipline}中试验证与产业化",
    "基于{discipline}的{industry}应用场景示范",
)
MEASURES = {
    "minor": ("诫勉谈话",),
    "serious": ("通报批评", "取消申报资格"),
    "severe": ("公开通报", "取消申报资格", "追回财政资金"),
}
FULL_WIDTH = {half: half + 0xFEE0 for half in range(ord("0"), ord("Z") + 1)}

# Characters of the 千字文 for given names, with their sound: two of them make a name, about 20,000 in all.
_SOUNDS = (
    "天tian 地di 玄xuan 黄huang 宇yu 宙zhou 洪hong 荒huang 日ri 月yue 盈ying 昃ze 辰chen "
    "宿su 列lie 张zhang 寒han 来lai 暑shu 往wang 秋qiu 收shou 冬dong 藏cang 闰run 余yu "
    "成cheng 岁sui 律lyu 吕lyu 调tiao 阳yang 云yun 腾teng 致zhi 雨yu 露lu 结jie 为wei "
    "霜shuang 金jin 生sheng 丽li 水shui 玉yu 出chu 昆kun 冈gang 剑jian 号hao 巨ju 阙que "
    "珠zhu 称cheng 夜ye 光guang 果guo 珍zhen 李li 柰nai 菜cai 重chong 芥jie 姜jiang 海hai "
    "咸xian 河he 淡dan 鳞lin 潜qian 羽yu 翔xiang 龙long 师shi 火huo 帝di 鸟niao 官guan "
    "皇huang 始shi 制zhi 文wen 字zi 服fu 衣yi 裳shang 推tui 位wei 让rang 国guo 有you "
    "虞yu 陶tao 唐tang 民min 周zhou 发fa 殷yin 汤tang 坐zuo 朝chao 问wen 道dao 垂chui "
    "拱gong 平ping 章zhang 爱ai 育yu 黎li 首shou 臣chen 伏fu 遐xia 迩er 体ti 率shuai "
    "宾bin 归gui 王wang 鸣ming 凤feng 在zai 竹zhu 白bai 驹ju 场chang 化hua 草cao 木mu "
    "赖lai 万wan 方fang"
)
SOUNDS: dict[str, str] = {pair[0]: pair[1:] for pair in _SOUNDS.split()}
NAME_CHARACTERS = "".join(SOUNDS)

# Simplified → traditional, as far as names of people and institutions of the city need it.
TRADITIONAL: dict[int, str] = str.maketrans(
    "黄张来闰岁吕调阳云腾结为丽冈剑号阙称鳞潜龙师鸟让国发汤问爱迩体宾归鸣凤驹场赖万"
    "学医验业电车备装术转检测识产权务责范机数据计应药动统区级际种传网络",
    "黃張來閏歲呂調陽雲騰結為麗岡劍號闕稱鱗潛龍師鳥讓國發湯問愛邇體賓歸鳴鳳駒場賴萬"
    "學醫驗業電車備裝術轉檢測識產權務責範機數據計應藥動統區級際種傳網絡",
)

# Industry → word in firm names, word in English names.
INDUSTRY_WORDS: dict[str, tuple[str, str]] = {
    "电子信息": ("电子", "Electronics"),
    "新一代汽车": ("汽车", "Automotive"),
    "航空航天": ("空天", "Aerospace"),
    "高端装备": ("装备", "Equipment"),
    "新材料": ("新材料", "Materials"),
    "新能源": ("新能源", "Energy"),
    "食品和生物医药": ("生物医药", "Biomedicine"),
    "人工智能": ("智能", "Intelligence"),
    "大数据与云计算": ("数据", "Data"),
    "卫星应用": ("卫星应用", "Satellite"),
    "增材制造": ("增材制造", "Additive Manufacturing"),
    "机器人及无人系统": ("机器人", "Robotics"),
}
SERVICE_ENGLISH = {
    "技术转移机构": "Technology Transfer Centre",
    "知识产权服务机构": "Intellectual Property Agency",
    "检验检测机构": "Testing Services",
    "科技金融机构": "Technology Finance",
}
SCHOOLS = (
    "材料学院",
    "机电工程学院",
    "计算机学院",
    "电子信息学院",
    "生命科学学院",
    "能源与动力工程学院",
    "航天学院",
    "化学与化工学院",
)
