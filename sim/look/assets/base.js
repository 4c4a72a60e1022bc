"use strict";
// Formatting, elements, themes, tables: shared by all pages.
const Npusim = (() => {
  const STALLS = ["dependency", "dram", "bank_conflict", "queue_full", "launch", "idle"];
  const STATES = ["busy", ...STALLS];
  const STATE_TEXT = {
    busy: "working", dependency: "waits for another engine's data", dram: "waits for memory",
    bank_conflict: "bank conflict", queue_full: "its commands are not issued yet", launch: "launch of a task",
    idle: "nothing to do",
  };

  const grouped = (n) => Math.round(n).toLocaleString("en-US");
  const percent = (x, digits = 1) => (100 * x).toFixed(digits) + " %";
  /** Three significant digits with an SI prefix. */
  function si(value, unit) {
    if (!(Math.abs(value) > 0)) return "0 " + unit;
    const prefixes = ["p", "n", "µ", "m", "", "k", "M", "G", "T", "P"];
    const power = Math.min(5, Math.max(-4, Math.floor(Math.log10(Math.abs(value)) / 3 + 1e-12)));
    const scaled = value / 10 ** (3 * power);
    const digits = Math.abs(scaled) >= 100 ? 0 : Math.abs(scaled) >= 10 ? 1 : 2;
    return `${scaled.toFixed(digits)} ${prefixes[power + 4]}${unit}`;
  }
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

  /** An element with properties and children (texts are never read as HTML). */
  function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(properties)) {
      if (key === "class") element.className = value;
      else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (key in element && key !== "style") element[key] = value;
      else element.setAttribute(key, value);
    }
    element.append(...children.filter((c) => c !== null && c !== undefined));
    return element;
  }
  const section = (title, question, ...children) =>
    make("section", {}, make("h2", {}, title), question ? make("p", { class: "soft" }, question) : null, ...children);

  const redraws = [];
  /** `draw` runs now and whenever the theme changes. */
  function themed(draw) { redraws.push(draw); draw(); }
  function setTheme(name) {
    document.documentElement.dataset.theme = name;
    for (const draw of redraws) draw();
  }
  // Paper is white, and as wide as it is.
  let screenTheme = null;
  addEventListener("beforeprint", () => {
    screenTheme = document.documentElement.dataset.theme;
    setTheme("light");
    for (const canvas of document.querySelectorAll("canvas")) canvas.chart?.resize();
  });
  addEventListener("afterprint", () => { if (screenTheme) setTheme(screenTheme); });
  function themeButton() {
    return make("button", {
      class: "no-print", id: "theme", title: "dark or light",
      onclick: () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
    }, "dark / light");
  }

  const data = (id) => JSON.parse(document.getElementById(id).textContent);

  function split(parts) {
    const total = parts.reduce((sum, [, value]) => sum + value, 0) || 1;
    return make("span", { class: "split", title: parts.filter((p) => p[1] > 0)
      .map(([name, value]) => `${STATE_TEXT[name] ?? name} ${percent(value / total)}`).join("\n") },
      ...parts.filter((p) => p[1] > 0).map(([name, value]) =>
        make("i", { style: `width:${100 * value / total}%;background:var(--${name})` })));
  }

  /**
   * A table that sorts by a click on its header and hides rows that do not hold the text searched for.
   * columns: {title, value(row), show(row)?, text?: left-aligned, help?}; rows are any objects.
   */
  function table(id, columns, rows, onSelect) {
    let order = null, descending = false, wanted = "";
    const body = make("tbody");
    const lines = rows.map((row, index) => {
      const cells = columns.map((c) => {
        const shown = c.show ? c.show(row) : c.value(row);
        return make("td", { class: c.text ? "text long" : "", title: c.text ? String(c.value(row)) : "" },
          shown instanceof Node ? shown : String(shown));
      });
      const line = make("tr", { tabIndex: -1 }, ...cells);
      line.dataset.index = index;
      const choose = () => onSelect && onSelect(row, index);
      line.addEventListener("click", choose);
      line.addEventListener("keydown", (e) => {
        if (e.key === "Enter" || e.key === " ") { e.preventDefault(); choose(); }
        if (e.key === "ArrowDown") line.nextElementSibling?.focus();
        if (e.key === "ArrowUp") line.previousElementSibling?.focus();
      });
      return { row, line, key: columns.filter((c) => c.text).map((c) => c.value(row)).join(" ").toLowerCase() };
    });
    const heads = columns.map((c, i) => make("th", { class: c.text ? "text" : "", title: c.help ?? "", scope: "col" },
      make("button", { onclick: () => { descending = order === i ? !descending : !c.text; order = i; fill(); } }, c.title)));
    /** One row is reached by Tab, the others from it by arrows. */
    let reached = null;
    function stop(line) {
      if (reached) reached.tabIndex = -1;
      reached = line ?? null;
      if (reached) reached.tabIndex = 0;
    }
    body.addEventListener("focusin", (e) => stop(e.target.closest("tr")));
    function fill() {
      const sorted = [...lines];
      if (order !== null) {
        const value = columns[order].value;
        sorted.sort((a, b) => {
          const x = value(a.row), y = value(b.row);
          const by = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
          return descending ? -by : by;
        });
      }
      const shown = sorted.filter((l) => l.key.includes(wanted)).map((l) => l.line);
      body.replaceChildren(...shown);
      stop(shown[0]);
      heads.forEach((h, i) => h.setAttribute("aria-sort", order !== i ? "none" : descending ? "descending" : "ascending"));
    }
    fill();
    const element = make("div", { class: "scroll" },
      make("table", { id }, make("thead", {}, make("tr", {}, ...heads)), body));
    return {
      element,
      search: (text) => { wanted = text.toLowerCase(); fill(); },
      select: (index, show) => lines.forEach((l, i) => {
        l.line.setAttribute("aria-selected", i === index);
        if (i === index && show) l.line.scrollIntoView({ block: "nearest" });
      }),
    };
  }

  /** A chart of Chart.js in a box of that height, drawn again in another theme. `config` is made anew. */
  function chart(id, height, label, config) {
    const canvas = make("canvas", { id, role: "img", "aria-label": label });
    const box = make("div", { class: "chart", style: `height:${height}px` }, canvas);
    let current = null;
    queueMicrotask(() => themed(() => {
      current?.destroy();
      Chart.defaults.color = colour("soft");
      Chart.defaults.borderColor = colour("line");
      Chart.defaults.font.family = "system-ui, 'DejaVu Sans', sans-serif";
      Chart.defaults.animation = false;
      Chart.defaults.maintainAspectRatio = false;
      current = new Chart(canvas, config());
      canvas.chart = current;
    }));
    return box;
  }

  const tip = make("div", { class: "tip", role: "tooltip" });
  function showTip(text, event) {
    if (!text) { tip.style.display = "none"; return; }
    if (!tip.parentNode) document.body.append(tip);
    tip.textContent = text;
    tip.style.display = "block";
    const width = tip.offsetWidth, height = tip.offsetHeight;
    tip.style.left = Math.min(event.clientX + 14, innerWidth - width - 8) + "px";
    tip.style.top = (event.clientY + 18 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 18) + "px";
  }

  document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  return { STALLS, STATES, STATE_TEXT, grouped, percent, si, colour, make, section, themed, setTheme, themeButton,
    data, split, table, chart, showTip };
})();
