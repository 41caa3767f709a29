// The page: charts in their places, light and dark, numbers to be saved.
(() => {
  const root = document.documentElement, data = JSON.parse(document.getElementById("embedded").textContent);
  root.classList.add("scripted");
  const made = new Map();
  for (const host of document.querySelectorAll("[data-figure]")) {
    const spec = data.figures[host.dataset.figure], Kind = spec.type === "map" ? MapChart : XYChart;
    made.set(host.dataset.figure, new Kind(host, spec, host.dataset.title));
  }

  const theme = document.getElementById("theme"), prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);
  const tell = () => { theme.setAttribute("aria-pressed", String(isDark())); };
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; tell(); });
  prefersDark.addEventListener("change", tell);
  tell();

  const save = (text, name, type) => {
    const link = html("a", { download: name, href: URL.createObjectURL(new Blob([text], { type })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  const cell = (value) => {
    const text = value === null ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = ({ columns }) => {
    const lines = [columns.map((column) => cell(column.name)).join(",")];
    for (let i = 0; i < columns[0].values.length; i += 1) lines.push(columns.map((column) => cell(column.values[i])).join(","));
    return `${lines.join("\r\n")}\r\n`;
  };
  for (const button of document.querySelectorAll("[data-csv]")) {
    const table = data.tables[button.dataset.csv];
    button.addEventListener("click", () => save(csv(table), table.file, "text/csv"));
  }
  for (const button of document.querySelectorAll("[data-json]")) {
    const result = data.results[Number(button.dataset.json)];
    button.addEventListener("click", () => save(`${result.text}\n`, result.name, "application/json"));
  }
})();
