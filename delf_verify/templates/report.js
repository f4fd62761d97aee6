"use strict";
// Data reaches the page through textContent alone, never as HTML.
(() => {
  const dialog = document.querySelector("dialog");
  for (const picture of document.querySelectorAll(".picture")) {
    picture.addEventListener("click", () => {
      const large = picture.querySelector("img").cloneNode();
      large.removeAttribute("loading");
      dialog.replaceChildren(large);
      dialog.showModal();
    });
  }
  if (dialog) dialog.addEventListener("click", () => dialog.close());

  const source = document.getElementById("data");
  if (!source) return;
  const {verdicts, truths, rows} = JSON.parse(source.textContent);
  // Columns of a row: see report_model.table_rows.
  const ID = 0, LANDMARK = 1, LABEL = 2, VERDICT = 4, BEST = 8, TRUTH = 9, LINK = 10, REASON = 11;
  const columns = [
    {name: "query", at: ID},
    {name: "landmark", at: LANDMARK},
    {name: "score", at: 3, number: true, wide: true},
    {name: "verdict", at: VERDICT},
    {name: "inliers", at: 5, number: true},
    {name: "mean", at: 6, number: true, wide: true},
    {name: "images", at: 7, number: true, wide: true},
    {name: "best image", at: BEST, wide: true},
  ];
  if (truths.length) columns.push({name: "truth", at: TRUTH, wide: true});
  const size = 50;
  const state = {sort: 3, down: true, first: 0, verdict: -1, truth: -2, search: ""};
  let shown = rows;

  const element = (tag, text, className) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const compare = (a, b) => {
    if (a === b) return 0;
    if (a === null) return -1;
    if (b === null) return 1;
    return a < b ? -1 : 1;
  };

  function select() {
    const words = state.search.toLowerCase();
    shown = rows.filter((row) =>
      (state.verdict < 0 || row[VERDICT] === state.verdict) &&
      (state.truth < 0 || row[TRUTH] === state.truth) &&
      (!words || `${row[ID]} ${row[LANDMARK]} ${row[LABEL]} ${row[BEST]}`.toLowerCase().includes(words)));
    const sign = state.down ? -1 : 1;
    shown.sort((a, b) => sign * compare(a[state.sort], b[state.sort]) || compare(a[ID], b[ID]));
    state.first = 0;
    draw();
  }

  function cell(row, column) {
    const made = element("td", undefined, (column.number ? "num " : "") + (column.wide ? "wide" : ""));
    const value = row[column.at];
    if (column.at === ID) {
      const text = element(row[LINK] ? "a" : "span", value, "id");
      if (row[LINK]) text.href = row[LINK];
      made.append(text);
      if (row[REASON]) made.append(element("span", row[REASON], "why"));
    } else if (column.at === LANDMARK) {
      made.append(element("span", row[LABEL] || (value === null ? "none" : value)));
      if (row[LABEL]) made.append(element("span", value, "why"));
    } else if (column.at === VERDICT) {
      made.append(element("span", verdicts[value], `pill fill-${verdicts[value]}`));
    } else if (column.at === TRUTH) {
      made.textContent = value < 0 ? "" : truths[value];
    } else {
      made.textContent = value === null ? "" : value;
      if (column.at === BEST) made.classList.add("id");
    }
    return made;
  }

  function draw() {
    const part = shown.slice(state.first, state.first + size);
    document.querySelector("#predictions tbody").replaceChildren(...part.map((row) => {
      const line = element("tr");
      line.append(...columns.map((column) => cell(row, column)));
      return line;
    }));
    document.getElementById("position").textContent = shown.length
      ? `${state.first + 1} to ${state.first + part.length} of ${shown.length.toLocaleString("en")}`
      : "nothing fits";
    document.getElementById("before").disabled = state.first === 0;
    document.getElementById("after").disabled = state.first + size >= shown.length;
    for (const [place, head] of [...document.querySelectorAll("#predictions th")].entries()) {
      const sorted = columns[place].at === state.sort;
      head.setAttribute("aria-sort", sorted ? (state.down ? "descending" : "ascending") : "none");
    }
  }

  const heads = element("tr");
  for (const column of columns) {
    const head = element("th", undefined, (column.number ? "num " : "") + (column.wide ? "wide" : ""));
    const button = element("button", column.name);
    button.type = "button";
    button.addEventListener("click", () => {
      state.down = state.sort === column.at ? !state.down : Boolean(column.number);
      state.sort = column.at;
      select();
    });
    head.append(button);
    heads.append(head);
  }
  document.querySelector("#predictions thead").append(heads);

  function chips(names, key, none) {
    names.forEach((name, place) => {
      const chip = element("button", name, "chip");
      chip.type = "button";
      chip.setAttribute("aria-pressed", "false");
      chip.addEventListener("click", () => {
        const on = state[key] !== place;
        state[key] = on ? place : none;
        for (const other of document.querySelectorAll(`[data-group="${key}"]`)) other.setAttribute("aria-pressed", "false");
        chip.setAttribute("aria-pressed", String(on));
        select();
      });
      chip.dataset.group = key;
      document.getElementById("chips").append(chip);
    });
  }
  chips(verdicts, "verdict", -1);
  chips(truths.map((truth) => `truth: ${truth}`), "truth", -2);
  document.getElementById("search").addEventListener("input", (event) => {
    state.search = event.target.value;
    select();
  });
  document.getElementById("before").addEventListener("click", () => {
    state.first = Math.max(0, state.first - size);
    draw();
  });
  document.getElementById("after").addEventListener("click", () => {
    state.first += size;
    draw();
  });
  select();
})();
