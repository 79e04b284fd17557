"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const svg = at("picture"), all = at("all");
const shape = (name, attributes, parent) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return parent.appendChild(made);
};
const count = (number, one) => `${number.toLocaleString("en")} ${one}${number === 1 ? "" : "s"}`;

// ---- what is drawn
const nodes = data.nodes.map((node, place) => ({ ...node, place, out: [], in: [], shown: true }));
const groups = [...new Set(nodes.map((node) => node.group))].sort();
const hue = (group) => Math.round((groups.indexOf(group) * 360) / groups.length);
const edges = data.edges.map((edge) => {
  const from = nodes[edge.source], to = nodes[edge.target];
  from.out.push(to);
  to.in.push(from);
  return { from, to, files: edge.files };
});
for (const node of nodes) node.radius = 4 + 2 * Math.sqrt(node.in.length + node.out.length);
for (const edge of edges) {
  const x = edge.to.x - edge.from.x, y = edge.to.y - edge.from.y, long = Math.hypot(x, y) || 1;
  const end = edge.to.radius + 2;
  edge.shape = shape("line", {
    x1: edge.from.x, y1: edge.from.y, x2: edge.to.x - (x / long) * end, y2: edge.to.y - (y / long) * end,
    "stroke-width": 1 + Math.log2(edge.files), "marker-end": "url(#arrow)",
  }, at("edges"));
}
for (const node of nodes) {
  node.shape = shape("g", {
    class: "node", tabindex: 0, role: "button", transform: `translate(${node.x} ${node.y})`, "data-path": node.path,
    "aria-label": `${node.path}: imports ${node.out.length}, imported by ${node.in.length}`,
  }, at("nodes"));
  shape("circle", { r: node.radius, fill: `hsl(${hue(node.group)} 60% 55%)` }, node.shape);
  const text = shape("text", { x: node.radius + 3, y: 4 }, node.shape);
  text.textContent = node.path.slice(node.path.lastIndexOf("/") + 1);
  shape("title", {}, node.shape).textContent = node.path;
  node.shape.addEventListener("click", () => choose(node));
  node.shape.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(node); });
}
at("title").textContent = data.title;
at("told").textContent =
  `${count(nodes.length, data.folders ? "folder" : "file")} of ${data.nodes_total.toLocaleString("en")}, ` +
  `${count(edges.length, "import")} of ${data.edges_total.toLocaleString("en")}. An arrow leads to what is imported.`;

// ---- moving and zooming
let view = { x: 0, y: 0, scale: 1 };
const move = () => all.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.scale})`);
const zoom = (factor, x = innerWidth / 2, y = innerHeight / 2) => {
  const scale = Math.min(8, Math.max(0.05, view.scale * factor)), real = scale / view.scale;
  view = { x: x - (x - view.x) * real, y: y - (y - view.y) * real, scale };
  move();
};
const fit = () => {
  const shown = nodes.filter((node) => node.shown);
  if (!shown.length) return;
  const xs = shown.map((node) => node.x), ys = shown.map((node) => node.y);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const panel = innerWidth > 700 ? 350 : 0, room = 90;
  const scale = Math.min(2, (innerWidth - panel - room * 2) / (right - left || 1), (innerHeight - room) / (bottom - top || 1));
  view.scale = Math.max(0.05, scale);
  view.x = panel + (innerWidth - panel) / 2 - ((left + right) / 2) * view.scale;
  view.y = innerHeight / 2 - ((top + bottom) / 2) * view.scale;
  move();
};
svg.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
}, { passive: false });
let held = null;
svg.addEventListener("pointerdown", (event) => { held = { x: event.clientX - view.x, y: event.clientY - view.y }; });
addEventListener("pointermove", (event) => {
  if (!held) return;
  svg.classList.add("moving");
  view.x = event.clientX - held.x;
  view.y = event.clientY - held.y;
  move();
});
addEventListener("pointerup", () => { held = null; svg.classList.remove("moving"); });
at("in").addEventListener("click", () => zoom(1.4));
at("out").addEventListener("click", () => zoom(1 / 1.4));
at("fit").addEventListener("click", fit);

// ---- finding, filtering, choosing
let chosen = null;
const paint = () => {
  const wanted = at("search").value.trim().toLowerCase();
  const near = chosen && new Set([chosen, ...chosen.out, ...chosen.in]);
  let found = 0;
  for (const node of nodes) {
    const fits = !wanted || node.path.toLowerCase().includes(wanted);
    found += wanted && fits && node.shown ? 1 : 0;
    node.shape.classList.toggle("hidden", !node.shown);
    node.shape.classList.toggle("dim", !fits || Boolean(near && !near.has(node)));
    node.shape.classList.toggle("chosen", node === chosen);
    node.fits = fits;
  }
  for (const edge of edges) {
    const own = edge.from === chosen || edge.to === chosen;
    edge.shape.classList.toggle("hidden", !edge.from.shown || !edge.to.shown);
    edge.shape.classList.toggle("near", own);
    edge.shape.classList.toggle("dim", chosen ? !own : !(edge.from.fits && edge.to.fits));
  }
  at("found").textContent = wanted ? count(found, "match").replace(/matchs$/, "matches") : "";
};
const listed = (title, others) => {
  const part = document.createElement("div"), head = document.createElement("strong"), list = document.createElement("ul");
  head.textContent = `${title} (${others.length})`;
  for (const other of [...others].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const button = document.createElement("button");
    button.textContent = other.path;
    button.addEventListener("click", () => choose(other));
    list.appendChild(document.createElement("li")).appendChild(button);
  }
  part.append(head, list);
  return part;
};
const choose = (node) => {
  chosen = node === chosen ? null : node;
  at("chosen").replaceChildren();
  if (chosen) {
    const name = document.createElement("h1");
    name.textContent = chosen.path;
    at("chosen").append(name, listed("Imports", chosen.out), listed("Imported by", chosen.in));
  }
  paint();
};
at("search").addEventListener("input", paint);
at("search").addEventListener("keydown", (event) => {
  const first = event.key === "Enter" && nodes.find((node) => node.shown && node.fits);
  if (first && first !== chosen) choose(first);
  if (first) {
    view.x = innerWidth / 2 - first.x * view.scale;
    view.y = innerHeight / 2 - first.y * view.scale;
    move();
  }
});
addEventListener("keydown", (event) => { if (event.key === "Escape" && chosen) choose(chosen); });
for (const group of groups) {
  const label = document.createElement("label"), box = document.createElement("input");
  box.type = "checkbox";
  box.checked = true;
  box.addEventListener("change", () => {
    for (const node of nodes) if (node.group === group) node.shown = box.checked;
    paint();
  });
  const size = nodes.filter((node) => node.group === group).length;
  label.append(box, ` ${group} (${size})`);
  at("groups").appendChild(label);
}
paint();
fit();
