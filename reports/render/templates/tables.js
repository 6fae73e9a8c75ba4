// Tables sort by the heading that is pressed, and long ones show only the rows with the words
// typed above them; without this script nothing is lost.
const LONG = 12;

function sorts(table) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  heads.forEach((head, column) => {
    const key = (row) => row.cells[column].dataset.sort;
    const isWords = [...body.rows].some((row) => isNaN(key(row)));
    const order = (a, b) => (isWords ? a.localeCompare(b, "en", { numeric: true }) : a - b);
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const compare = (a, b) => {
        if (a === "" || b === "") return (a === "") - (b === "");
        return up ? order(a, b) : order(b, a);
      };
      body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
    });
  });
}

function filters(table) {
  const rows = [...table.tBodies[0].rows];
  // A minus is typed as a hyphen.
  const plain = (text) => text.toLowerCase().replaceAll("−", "-");
  const texts = rows.map((row) => plain(row.textContent));
  const box = document.createElement("p");
  const label = document.createElement("label");
  const input = document.createElement("input");
  const count = document.createElement("span");
  box.className = "filter";
  input.type = "search";
  input.autocomplete = "off";
  input.spellcheck = false;
  input.setAttribute("aria-label", `Rows with the words, in: ${table.caption.textContent}`);
  count.setAttribute("aria-live", "polite");
  label.append("Rows with the words ", input);
  box.append(label, count);
  table.parentElement.before(box);
  const show = () => {
    const words = plain(input.value).split(/\s+/);
    rows.forEach((row, i) => (row.hidden = !words.every((word) => texts[i].includes(word))));
    const shown = rows.filter((row) => !row.hidden).length;
    count.textContent = `${shown} of ${rows.length} rows`;
  };
  input.addEventListener("input", show);
  show();
}

const nRows = (table) => table.tBodies[0].rows.length;
for (const table of document.querySelectorAll("table.sortable")) {
  if (nRows(table) > 1) sorts(table);
}
for (const table of document.querySelectorAll("table:not(.card)")) {
  if (nRows(table) > LONG) filters(table);
}
