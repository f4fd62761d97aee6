"use strict";
// Data reaches the page through textContent alone, never as HTML.
(() => {
  const dialog = document.querySelector("dialog");
  for (const picture of document.querySelectorAll(".picture")) {
    picture.addEventListener("click", () => {
      const large = picture.querySelector("img").cloneNode();
      const close = document.createElement("button");
      close.type = "button";
      close.className = "close";
      close.textContent = "Close";
      const frame = document.createElement("div");
      frame.className = "frame";
      frame.tabIndex = 0;
      frame.append(large);
      dialog.replaceChildren(close, frame);
      dialog.showModal();
    });
  }
  if (dialog) dialog.addEventListener("click", () => dialog.close());

  const source = document.getElementById("data");
  if (!source) return;
  // One array a column, so that a hundred thousand rows load and sort quickly: see report_table.TableRows.data.
  const data = JSON.parse(source.textContent);
  const count = data.id.length;
  const SIZE = matchMedia("(max-width: 760px)").matches ? 20 : 50;
  const percent = (value) => `${(100 * value).toFixed(1)}%`;
  const columns = [
    {key: "id", name: "query", text: true},
    {key: "landmark", name: "landmark"},
    {key: "score", name: "score", number: true},
    {key: "verdict", name: "verdict"},
    {key: "probability", name: "probability", number: true, show: percent},
    {key: "inliers", name: "inliers", number: true},
    {key: "mean", name: "mean", number: true},
    {key: "ratio", name: "ratio", number: true, show: percent},
    {key: "spread", name: "spread", number: true, show: percent},
    {key: "images", name: "images", number: true},
    {key: "best", name: "best image", text: true},
    {key: "truth", name: "truth"},
  ].filter((column) => data[column.key].some((value) => value !== null));
  const byKey = Object.fromEntries(columns.map((column) => [column.key, column]));
  const start = {key: "score" in byKey ? "score" : "id", down: "score" in byKey, verdict: -1, truth: -1};
  const state = {...start, first: 0, search: "", measure: "", least: NaN, most: NaN};
  const find = (id) => document.getElementById(id);
  const make = (tag, text, className) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  // Numbers by which rows sort: names get their place in the alphabet, once, when they are first needed.
  const ranks = {};
  function ranksOf(key) {
    if (ranks[key]) return ranks[key];
    const values = key === "landmark" ? data.landmark.map((one) => data.labels[one] ?? one) : data[key];
    const found = new Float64Array(count);
    if (values.some((value) => typeof value === "string")) {
      const collator = new Intl.Collator("en", {numeric: true});
      const names = [...new Set(values.map((value) => value === null ? "" : String(value)))];
      names.sort(names.length > 5000 ? undefined : collator.compare);
      const places = new Map(names.map((name, place) => [name, place]));
      for (let row = 0; row < count; row++) found[row] = places.get(values[row] === null ? "" : String(values[row]));
    } else {
      for (let row = 0; row < count; row++) found[row] = values[row] === null ? -Infinity : values[row];
    }
    return (ranks[key] = found);
  }

  let haystack = null;
  function matches(row) {
    if (haystack === null) {
      haystack = data.id.map((id, place) =>
        `${id}\n${data.landmark[place] ?? ""}\n${data.labels[data.landmark[place]] ?? ""}\n${data.best[place]}`.toLowerCase());
    }
    return haystack[row].includes(state.search);
  }

  let shown = new Int32Array(0);
  function select() {
    const kept = new Int32Array(count);
    const measure = state.measure ? data[state.measure] : null;
    const limited = measure && !(Number.isNaN(state.least) && Number.isNaN(state.most));
    let size = 0;
    for (let row = 0; row < count; row++) {
      if (state.verdict >= 0 && data.verdict[row] !== state.verdict) continue;
      if (state.truth >= 0 && data.truth[row] !== state.truth) continue;
      if (limited && (measure[row] === null || measure[row] < state.least || measure[row] > state.most)) continue;
      if (state.search && !matches(row)) continue;
      kept[size++] = row;
    }
    shown = kept.subarray(0, size);
    const rank = ranksOf(state.key);
    const sign = state.down ? -1 : 1;
    // Of equals the earlier row first, whichever way the column is sorted; what is not known comes last.
    shown.sort((a, b) => {
      const x = rank[a], y = rank[b];
      if (x === y) return a - b;
      if (x === -Infinity) return 1;
      if (y === -Infinity) return -1;
      return sign * (x - y);
    });
    state.first = 0;
    draw();
  }

  function cardPage(card) {
    const page = Math.floor((card - 1) / data.pages.size) + 1;
    const file = page === 1 ? "index.html" : `evidence-${String(page).padStart(data.pages.digits, "0")}.html`;
    return `${file}#card-${card}`;
  }

  function cell(row, column) {
    const value = data[column.key][row];
    const made = make(column.key === "id" ? "th" : "td", undefined, `at-${column.key}${column.number ? " num" : ""}`);
    made.setAttribute("role", column.key === "id" ? "rowheader" : "cell");
    made.dataset.name = column.name;
    if (column.key === "id") {
      made.scope = "row";
      const text = make(data.card[row] ? "a" : "span", value, "id");
      if (data.card[row]) text.href = cardPage(data.card[row]);
      made.append(isolated(text));
      if (data.reasons[row]) made.append(isolated(make("span", data.reasons[row], "why")));
    } else if (column.key === "landmark") {
      const label = data.labels[value];
      made.append(isolated(make("span", label ?? (value === null ? "none" : value))));
      if (label) made.append(make("span", value, "why"));
    } else if (column.key === "verdict") {
      made.append(make("span", data.verdicts[value], `pill fill-${data.verdicts[value]}`));
    } else if (column.key === "truth") {
      made.textContent = value === null ? "" : data.truths[value];
    } else if (value === null || value === "") {
      made.textContent = "–";
    } else if (column.text) {
      made.append(isolated(make("span", value, "id")));
    } else {
      made.textContent = column.show ? column.show(value) : value;
    }
    return made;
  }

  function isolated(element) {
    element.dir = "auto";
    return element;
  }

  function draw() {
    const part = shown.subarray(state.first, state.first + SIZE);
    document.querySelector("#rows tbody").replaceChildren(...Array.from(part, (row) => {
      const line = make("tr");
      line.setAttribute("role", "row");
      line.append(...columns.map((column) => cell(row, column)));
      return line;
    }));
    const number = (value) => value.toLocaleString("en");
    find("position").textContent = shown.length
      ? `${number(state.first + 1)} to ${number(state.first + part.length)} of ${number(shown.length)}`
      : "nothing fits";
    find("first").disabled = find("before").disabled = state.first === 0;
    find("last").disabled = find("after").disabled = state.first + SIZE >= shown.length;
    for (const head of document.querySelectorAll("#rows thead th")) {
      const sorted = head.dataset.key === state.key;
      head.setAttribute("aria-sort", sorted ? (state.down ? "descending" : "ascending") : "none");
    }
    find("order").value = state.key;
    find("turn").textContent = state.down ? "▼ descending" : "▲ ascending";
  }

  function sortBy(key, down) {
    state.key = key;
    state.down = down;
    select();
  }

  const heads = make("tr");
  heads.setAttribute("role", "row");
  for (const column of columns) {
    const head = make("th", undefined, `at-${column.key}${column.number ? " num" : ""}`);
    head.scope = "col";
    head.dataset.key = column.key;
    head.setAttribute("role", "columnheader");
    const button = make("button", column.name);
    button.type = "button";
    button.addEventListener("click", () => {
      sortBy(column.key, state.key === column.key ? !state.down : Boolean(column.number));
    });
    head.append(button);
    heads.append(head);
    const option = make("option", column.name);
    option.value = column.key;
    find("order").append(option);
    if (column.number) {
      const measure = make("option", column.name);
      measure.value = column.key;
      find("measure").append(measure);
    }
  }
  document.querySelector("#rows thead").append(heads);
  // As a grid on a phone the table would lose its meaning to screen readers.
  find("rows").setAttribute("role", "table");
  for (const group of document.querySelectorAll("#rows thead, #rows tbody")) group.setAttribute("role", "rowgroup");

  function chips(names, key, before) {
    names.forEach((name, place) => {
      const chip = make("button", before + name, "chip");
      chip.type = "button";
      chip.setAttribute("aria-pressed", "false");
      chip.dataset.group = key;
      chip.addEventListener("click", () => {
        state[key] = state[key] === place ? -1 : place;
        for (const other of document.querySelectorAll(`[data-group="${key}"]`)) other.setAttribute("aria-pressed", "false");
        chip.setAttribute("aria-pressed", String(state[key] === place));
        select();
      });
      find("chips").append(chip);
    });
  }
  chips(data.verdicts, "verdict", "");
  chips(data.truths, "truth", "truth: ");

  let waiting = 0;
  find("filters").addEventListener("submit", (event) => event.preventDefault());
  find("filters").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      state.search = find("search").value.trim().toLowerCase();
      state.measure = find("measure").value;
      state.least = find("least").valueAsNumber;
      state.most = find("most").valueAsNumber;
      select();
    }, 120);
  });
  find("filters").addEventListener("reset", () => {
    clearTimeout(waiting);
    Object.assign(state, {search: "", verdict: -1, truth: -1, least: NaN, most: NaN});
    for (const chip of document.querySelectorAll("#chips [aria-pressed]")) chip.setAttribute("aria-pressed", "false");
    select();
  });
  find("order").addEventListener("change", (event) => sortBy(event.target.value, Boolean(byKey[event.target.value].number)));
  find("turn").addEventListener("click", () => sortBy(state.key, !state.down));
  const turnTo = (first) => {
    state.first = first;
    draw();
  };
  find("first").addEventListener("click", () => turnTo(0));
  find("before").addEventListener("click", () => turnTo(Math.max(0, state.first - SIZE)));
  find("after").addEventListener("click", () => turnTo(state.first + SIZE));
  find("last").addEventListener("click", () => turnTo(Math.floor((shown.length - 1) / SIZE) * SIZE));
  select();
})();
