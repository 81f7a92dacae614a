// Draws a figure's chart from the values in its data-chart attribute. Only the parts of ECharts that are used are bundled.
import { init, use, registerLocale } from "echarts/core";
import { BarChart, LineChart, PieChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";
import langZH from "echarts/lib/i18n/langZH.js";
import langEN from "echarts/lib/i18n/langEN.js";
import { optionOf } from "./options.js";

use([BarChart, LineChart, PieChart, AriaComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, CanvasRenderer]);
registerLocale("ZH", langZH);
registerLocale("EN", langEN);

const drawn = new Map();
const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => {
  const seen = drawn.get(target);
  if (!seen) return;
  seen.chart.resize();
  drawn.set(target, { ...seen, look: "" }); // a ring is laid out by its size: draw it again
  draw(target.closest("figure"));
}));

export function draw(figure) {
  const canvas = figure.querySelector(".canvas");
  if (!canvas) return;
  const seen = drawn.get(canvas);
  if (seen && seen.data === figure.dataset.chart && seen.look === look()) return;
  const locale = document.documentElement.lang.startsWith("zh") ? "ZH" : "EN";
  const chart = seen ? seen.chart : init(canvas, null, { locale, renderer: "canvas" });
  chart.setOption(optionOf(JSON.parse(figure.dataset.chart), colours(figure), { width: canvas.clientWidth, height: canvas.clientHeight }), { notMerge: true });
  canvas.setAttribute("aria-label", canvas.getAttribute("aria-label")); // our sentence, not a generated one
  drawn.set(canvas, { chart, data: figure.dataset.chart, look: look() });
  if (!seen) sizes.observe(canvas);
  forget();
}

function forget() {
  for (const [canvas, { chart }] of drawn) {
    if (!canvas.isConnected) { sizes.unobserve(canvas); chart.dispose(); drawn.delete(canvas); }
  }
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const look = () => document.documentElement.dataset.theme + dark.matches;
dark.addEventListener("change", () => document.querySelectorAll("figure[data-chart]").forEach(draw));

function colours(figure) {
  const style = getComputedStyle(figure);
  const one = (name) => style.getPropertyValue(name).trim();
  return {
    main: one("--c"), base: one("--base"), ink: one("--ink"), quiet: one("--ink-2"), hair: one("--hair"), card: one("--raised"),
    parts: ["--part-1", "--part-2", "--part-3", "--part-4", "--part-5"].map(one),
    still: matchMedia("(prefers-reduced-motion: reduce)").matches, font: getComputedStyle(document.body).fontFamily,
  };
}
