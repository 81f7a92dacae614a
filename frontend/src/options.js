// From a chart's values to ECharts options. Pure but for the tooltip, which builds elements: the page's policy forbids
// markup with styles in it, and text must stay text whatever a device is called.

const HATCH = { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: -Math.PI / 4 };

export function optionOf(chart, c, size) {
  const option = chart.form === "ring" ? ring(chart, c, size) : curve(chart, c);
  return {
    animation: !c.still, animationDuration: 400, textStyle: { fontFamily: c.font, color: c.ink },
    aria: { enabled: true, label: { description: chart.sentence }, decal: { show: chart.form === "ring" } },
    ...option,
  };
}

function curve(chart, c) {
  return {
    grid: { left: 4, right: 8, top: 34, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    legend: {
      top: 0, right: 0, itemWidth: 22, itemHeight: 10, itemGap: 18, textStyle: { color: c.quiet, fontSize: 13 },
      data: chart.lines.map((line) => line.name), selectedMode: false, decal: { symbol: "none" },
    },
    tooltip: { trigger: "axis", axisPointer: { type: chart.form === "bars" ? "shadow" : "line", shadowStyle: { opacity: 0.25 } }, ...tipLook(c), formatter: (found) => tip(chart, found[0].dataIndex) },
    xAxis: {
      type: "category", data: chart.labels, boundaryGap: chart.form === "bars", axisTick: { show: false }, axisLine: { lineStyle: { color: c.hair } },
      axisLabel: { color: c.quiet, fontSize: 12, hideOverlap: true, interval: (n) => chart.ticks.includes(n) },
    },
    yAxis: { type: "value", splitNumber: 4, axisLabel: { color: c.quiet, fontSize: 12 }, splitLine: { lineStyle: { color: c.hair } } },
    series: chart.lines.flatMap((line) => (chart.form === "bars" && line.role === "now" ? [bars(chart, line, c)] : lines(chart, line, c))),
  };
}

function bars(chart, line, c) {
  const data = line.values.map((value, n) => {
    if (n === chart.now) return { value, itemStyle: { opacity: 0.5 } };
    return line.estimated[n] ? { value, itemStyle: { decal: { ...HATCH, color: c.card } } } : value;
  });
  return { type: "bar", name: line.name, data, barMaxWidth: 28, itemStyle: { color: c.main, borderRadius: [4, 4, 0, 0] }, emphasis: { disabled: true } };
}

function lines(chart, line, c) {
  const isNow = line.role === "now";
  const series = {
    type: "line", name: line.name, data: line.values, symbol: "none", connectNulls: false, z: isNow ? 3 : 2, emphasis: { disabled: true },
    lineStyle: isNow ? { color: c.main, width: 2.5 } : { color: c.base, width: 1.5, type: [5, 4] },
    itemStyle: { color: isNow ? c.main : c.base }, areaStyle: isNow ? { color: c.main, opacity: 0.12 } : undefined,
  };
  if (isNow && chart.form === "area" && chart.now !== null) series.markLine = nowLine(chart, c);
  const estimated = isNow && line.estimated.some(Boolean) ? [estimatedLine(line, c)] : [];
  return [series, ...estimated];
}

function estimatedLine(line, c) {
  // Drawn over the solid line in the card's colour, so that what is estimated reads as broken.
  const data = line.values.map((value, n) => (line.estimated[n] || line.estimated[n + 1] ? value : null));
  return { type: "line", data, symbol: "none", z: 4, silent: true, lineStyle: { color: c.card, width: 3, type: [3, 5] }, emphasis: { disabled: true } };
}

function nowLine(chart, c) {
  return {
    silent: true, symbol: "none", data: [{ xAxis: Math.min(chart.now, chart.labels.length - 1) }], animation: false,
    lineStyle: { color: c.quiet, width: 1, type: "solid", opacity: 0.6 }, label: { formatter: chart.words.now, color: c.quiet, fontSize: 12, position: "insideEndTop", rotate: 0, offset: [0, 0] },
  };
}

const LEGEND_PX = 186;
/** Left of a legend's text: the gap beside the ring, the coloured mark, and what ECharts leaves around both. */
const LEGEND_TEXT_PX = 18 + 14 + 16;

function ring(chart, c, size) {
  const values = chart.lines[0].values;
  const sum = values.reduce((total, value) => total + (value ?? 0), 0);
  const radius = Math.max(56, Math.min(size.height / 2 - 6, (size.width - LEGEND_PX) / 2));
  return {
    tooltip: { trigger: "item", ...tipLook(c), formatter: (one) => tip(chart, one.dataIndex) },
    legend: {
      orient: "vertical", left: radius * 2 + 18, top: "middle", itemWidth: 14, itemHeight: 14, itemGap: 12, icon: "roundRect", selectedMode: false,
      textStyle: { color: c.ink, fontSize: 14, lineHeight: 18, width: size.width - radius * 2 - LEGEND_TEXT_PX, overflow: "break" }, formatter: (name) => `${name}  ${share(values[chart.labels.indexOf(name)], sum)}`,
    },
    series: [{
      type: "pie", radius: [radius * 0.66, radius], center: [radius + 2, "50%"], label: { show: true, position: "center", formatter: () => `{sum|${round(sum)}}\n{unit|${chart.unit}}`, rich: { sum: { fontSize: 22, fontWeight: 600, color: c.ink }, unit: { fontSize: 13, color: c.quiet, padding: [4, 0, 0, 0] } } },
      labelLine: { show: false }, emphasis: { scale: false, label: { show: true } }, itemStyle: { borderColor: c.card, borderWidth: 2, borderRadius: 4 },
      data: chart.labels.map((name, n) => ({ name, value: values[n], itemStyle: { color: n === chart.rest ? c.base : c.parts[n % c.parts.length] } })),
    }],
  };
}

const share = (value, sum) => (value === null || sum <= 0 ? "—" : `${Math.round((value / sum) * 100)}%`);

export function round(value) {
  if (value === null || value === undefined) return "—";
  const digits = Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function tipLook(c) {
  return { backgroundColor: c.card, borderColor: c.hair, borderWidth: 1, textStyle: { color: c.ink, fontSize: 14 }, padding: [8, 12], confine: true, transitionDuration: 0 };
}

function tip(chart, n) {
  const box = document.createElement("div");
  box.append(element("div", "tip-title", chart.labels[n]));
  for (const line of chart.lines) {
    const row = element("div", "tip-row", "");
    const isGrowing = chart.form === "bars" && line.role === "now" && n === chart.now;
    const mark = isGrowing ? ` (${chart.words.running})` : line.estimated[n] ? ` (${chart.words.estimated})` : "";
    const value = line.values[n];
    row.append(element("span", "", line.name), element("b", "", value === null ? chart.words.missing : `${round(value)} ${chart.unit}${mark}`));
    box.append(row);
  }
  return box;
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}
