// The entry: keeps the page alive, sends quiet forms, and loads the charts only where a page has some.
import { keepFresh } from "./live.js";
import { sendQuietly } from "./forms.js";

async function drawCharts() {
  const figures = [...document.querySelectorAll("figure[data-chart]")];
  if (figures.length === 0) return;
  const charts = await import("./charts.js");
  figures.forEach(charts.draw);
  document.documentElement.dataset.charts = "drawn";
}

if (document.getElementById("freshness")) {
  keepFresh(drawCharts);
  sendQuietly();
}
drawCharts();
