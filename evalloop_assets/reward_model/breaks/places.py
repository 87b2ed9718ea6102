"""Places that people come from, coarse enough that two names of one region are one: provinces, states, countries."""

from __future__ import annotations

import re
from functools import cache

CHINA = (
    "北京:北京 昌平 朝阳区 海淀|上海:上海 浦东 虹口|天津:天津|重庆:重庆|河北:河北 石家庄 唐山 保定 邯郸 秦皇岛|山西:山西 太原 大同|"
    "内蒙古:内蒙古 内蒙 呼和浩特 包头|辽宁:辽宁 沈阳 大连 鞍山|吉林:吉林 长春|黑龙江:黑龙江 哈尔滨 大庆 齐齐哈尔|"
    "江苏:江苏 南京 苏州 无锡 常州 徐州 扬州 南通 连云港 盐城|浙江:浙江 杭州 宁波 温州 绍兴 嘉兴 义乌 金华|安徽:安徽 合肥 芜湖 安庆|"
    "福建:福建 福州 厦门 泉州 莆田|江西:江西 南昌 赣州 九江|山东:山东 济南 青岛 烟台 威海 潍坊 临沂 淄博 济宁|"
    "河南:河南 郑州 洛阳 开封 南阳 信阳|湖北:湖北 武汉 宜昌 襄阳 黄冈 荆州|湖南:湖南 长沙 株洲 衡阳 岳阳|"
    "广东:广东 广州 深圳 东莞 佛山 珠海 汕头 惠州 中山|广西:广西 南宁 桂林 柳州|海南:海南 海口 三亚|四川:四川 成都 绵阳 广安 乐山 宜宾 南充|"
    "贵州:贵州 贵阳 遵义|云南:云南 昆明 大理 丽江|西藏:西藏 拉萨|陕西:陕西 西安 咸阳 宝鸡 延安|甘肃:甘肃 兰州|青海:青海 西宁|宁夏:宁夏 银川|"
    "新疆:新疆 乌鲁木齐|台湾:台湾 台北 高雄|香港:香港|澳门:澳门|日本:日本 东京|韩国:韩国 首尔|美国:美国 纽约|英国:英国 伦敦|法国:法国 巴黎|"
    "德国:德国|俄罗斯:俄罗斯|加拿大:加拿大|澳大利亚:澳大利亚 澳洲"
)
WORLD = (
    "england:england london manchester liverpool britain uk|scotland:scotland edinburgh glasgow|ireland:ireland dublin|wales:wales|"
    "france:france paris|germany:germany berlin munich|spain:spain madrid barcelona|italy:italy rome milan|"
    "portugal:portugal lisbon|russia:russia moscow|china:china beijing shanghai|japan:japan tokyo|korea:korea seoul|"
    "india:india mumbai delhi|canada:canada toronto vancouver montreal|mexico:mexico|brazil:brazil|"
    "australia:australia sydney melbourne|sweden:sweden stockholm|norway:norway oslo|netherlands:netherlands amsterdam holland|"
    "poland:poland warsaw|greece:greece athens|turkey:turkey istanbul|egypt:egypt cairo|"
    "new york:new york nyc brooklyn manhattan|california:california los angeles san francisco san diego|texas:texas houston "
    "dallas austin|florida:florida miami orlando|illinois:illinois chicago|ohio:ohio cleveland|michigan:michigan detroit|"
    "georgia:georgia atlanta|massachusetts:massachusetts boston|washington:washington seattle|oregon:oregon portland|"
    "arizona:arizona phoenix|nevada:nevada las vegas|colorado:colorado denver|alaska:alaska|hawaii:hawaii|"
    "pennsylvania:pennsylvania philadelphia|virginia:virginia|tennessee:tennessee nashville|louisiana:louisiana new orleans|"
    "minnesota:minnesota|wisconsin:wisconsin|utah:utah|kansas:kansas|alabama:alabama|kentucky:kentucky|maine:maine|iowa:iowa"
)
TWO_WORDS = ("new york", "los angeles", "san francisco", "san diego", "las vegas", "new orleans")


@cache
def _regions() -> tuple[dict[str, str], re.Pattern[str]]:
    region: dict[str, str] = {}
    for entry in (*CHINA.split("|"), *WORLD.split("|")):
        name, _, cities = entry.partition(":")
        for double in TWO_WORDS:
            if double in cities:
                region[double] = name
                cities = cities.replace(double, "")
        region |= dict.fromkeys(cities.split(), name)
    longest_first = sorted(region, key=len, reverse=True)
    return region, re.compile("|".join(place if place[0] > "\u3000" else rf"\b{place}\b" for place in longest_first))


def place_of(text: str) -> str:
    """The region that a text names first; empty where it names none that is known."""
    region, pattern = _regions()
    found = pattern.search(text)
    return region[found[0]] if found else ""
