"use strict";
// Repositories are drawn first. One that is opened shows what is in it; ties between what is not shown are drawn
// between what stands for it. Only what is in sight is drawn.
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const canvas = at("picture"), pen = canvas.getContext("2d");
const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
const COLOURS = { repository: "#3b78e7", package: "#c2620c", file: "#64748b", symbol: "#2a8a57", endpoint: "#9a3fc0" };
const NAMES = { repository: "repositories", package: "packages", file: "files", symbol: "definitions", endpoint: "endpoints" };
const FAR = 24, SPIRAL = Math.PI * (3 - Math.sqrt(5)), LABELS = 400, MANY = 12000;

// ---- what there is
const groups = data.groups.map((group, place) => ({ ...group, place, group: true, inside: [], whole: null, open: false, shown: true, radius: 14 }));
const nodes = data.nodes.map(([group, kind, name, path, line, ecosystem, version], place) => {
  const node = { place, of: groups[group], kind: data.kinds[kind], name, path, line, ecosystem, version, x: 0, y: 0, radius: 5 };
  if (node.kind === "repository") groups[group].whole = node;
  else groups[group].inside.push(node);
  return node;
});
const edges = data.edges.map(([source, target, kind, times, scope, detail, path, line]) =>
  ({ from: nodes[source], to: nodes[target], kind: data.ties[kind], times, scope, detail, path, line }));

// ---- what is shown
const off = { kinds: new Set(), ties: new Set(), ecosystems: new Set(), scopes: new Set() };
let drawn = [], lines = [], chosen = null, wanted = "", fits = new Set();
const standsFor = (node) => (node.of.open && node.kind !== "repository" ? node : node.of);
const isOn = (node) => node.of.shown && !off.kinds.has(node.kind) && !(node.ecosystem && off.ecosystems.has(node.ecosystem));
const isTied = (edge) => !off.ties.has(edge.kind) && !(edge.scope && off.scopes.has(edge.scope)) && isOn(edge.from) && isOn(edge.to);

const spread = () => {
  // What is in an open repository stands in a spiral around its middle; then repositories make room for each other.
  for (const group of groups) {
    const inside = group.open ? group.inside.filter(isOn) : [];
    group.radius = inside.length ? 30 + FAR * Math.sqrt(inside.length) : 10 + Math.min(14, 2 * Math.sqrt(group.inside.length));
    group.now = inside;
  }
  const shown = groups.filter((group) => group.shown);
  for (const group of shown) [group.cx, group.cy] = [group.x, group.y];
  for (let round = 0; round < 60; round += 1) {
    let moved = false;
    for (let one = 0; one < shown.length; one += 1) {
      for (let two = one + 1; two < shown.length; two += 1) {
        const a = shown[one], b = shown[two], x = b.cx - a.cx, y = b.cy - a.cy;
        const long = Math.hypot(x, y) || 0.01, least = a.radius + b.radius + 46;
        if (long < least) {
          const push = (least - long) / 2 / long;
          a.cx -= x * push; a.cy -= y * push; b.cx += x * push; b.cy += y * push;
          moved = true;
        }
      }
    }
    if (!moved) break;
  }
  for (const group of shown) {
    group.now.forEach((node, place) => {
      const out = 16 + FAR * Math.sqrt(place + 0.5), angle = place * SPIRAL;
      node.x = group.cx + out * Math.cos(angle);
      node.y = group.cy + out * Math.sin(angle);
    });
  }
};
const placeOf = (one) => (one.group ? [one.cx, one.cy] : [one.x, one.y]);
const rebuild = () => {
  spread();
  drawn = groups.filter((group) => group.shown);
  for (const group of [...drawn]) drawn.push(...group.now);
  const found = new Map();
  for (const edge of edges) {
    if (!isTied(edge)) continue;
    const from = standsFor(edge.from), to = standsFor(edge.to);
    if (from === to) continue;
    const key = (from.group ? -1 - from.place : from.place) * 4000000 + (to.group ? -1 - to.place : to.place);
    const known = found.get(key);
    if (known) {
      known.times += edge.times;
      known.ties.push(edge);
    } else found.set(key, { from, to, times: edge.times, ties: [edge] });
  }
  lines = [...found.values()];
  at("told").textContent = `${count(groups.length, "repository", "repositories")}, ${count(nodes.length, "node")} of ${data.nodes_total.toLocaleString("en")}, ` +
    `${count(edges.length, "tie")} of ${data.edges_total.toLocaleString("en")}; ${count(lines.length, "line")} drawn. ` +
    "A line leads to what is depended on.";
  paint();
};

// ---- drawing
let view = { x: 0, y: 0, scale: 1 }, ratio = 1, asked = 0;
let still = null, cost = 0, settle = 0; // a picture of the last drawing, for moves where drawing takes long
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const paint = () => { if (!asked) asked = requestAnimationFrame(() => { asked = 0; draw(); }); };
const resize = () => {
  ratio = devicePixelRatio || 1;
  canvas.width = innerWidth * ratio;
  canvas.height = innerHeight * ratio;
  paint();
};
const draw = () => {
  const begun = performance.now(), ink = style("--ink"), paper = style("--paper"), mark = style("--mark"), soft = style("--line");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, innerWidth, innerHeight);
  pen.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * view.x, ratio * view.y);
  const left = -view.x / view.scale, top = -view.y / view.scale;
  const right = left + innerWidth / view.scale, bottom = top + innerHeight / view.scale;
  const inSight = (x, y, far) => x + far > left && x - far < right && y + far > top && y - far < bottom;
  for (const group of groups) {
    if (!group.shown || !group.now.length || !inSight(group.cx, group.cy, group.radius)) continue;
    pen.beginPath();
    pen.arc(group.cx, group.cy, group.radius, 0, 7);
    pen.fillStyle = `${COLOURS.repository}18`;
    pen.fill();
    pen.strokeStyle = COLOURS.repository;
    pen.lineWidth = 1 / view.scale;
    pen.stroke();
  }
  // The more lines there are, the fainter each: what many of them make together stays lighter than names.
  const many = lines.length > MANY, faint = Math.max(0.05, Math.min(0.65, 0.65 * Math.sqrt(500 / lines.length)));
  const near = [], arrows = [];
  for (const bold of [false, true]) {
    pen.beginPath();
    for (const line of lines) {
      const own = line.from === chosen || line.to === chosen;
      if (own) { if (bold) near.push(line); continue; }
      if (bold !== line.times > 9) continue;
      const [x1, y1] = placeOf(line.from), [x2, y2] = placeOf(line.to);
      if (Math.max(x1, x2) < left || Math.min(x1, x2) > right || Math.max(y1, y2) < top || Math.min(y1, y2) > bottom) continue;
      pen.moveTo(x1, y1);
      pen.lineTo(x2, y2);
      if (!many) arrows.push([x1, y1, x2, y2, edgeOf(line)]);
    }
    pen.strokeStyle = soft;
    pen.globalAlpha = faint * (chosen ? 0.35 : 1);
    pen.lineWidth = (bold ? 2.2 : 1) / Math.max(0.4, view.scale);
    pen.stroke();
  }
  if (arrows.length < 3000) heads(arrows, soft);
  pen.globalAlpha = 1;
  pen.strokeStyle = mark;
  pen.lineWidth = 2 / Math.max(0.4, view.scale);
  pen.beginPath();
  for (const line of near) {
    const [x1, y1] = placeOf(line.from), [x2, y2] = placeOf(line.to);
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
  }
  pen.stroke();
  heads(near.map((line) => [...placeOf(line.from), ...placeOf(line.to), edgeOf(line)]), mark);
  const beside = chosen && new Set(near.flatMap((line) => [line.from, line.to]));
  const named = [];
  for (const one of drawn) {
    const [x, y] = placeOf(one);
    if (!inSight(x, y, one.radius + 40)) continue;
    const closed = one.group && !one.now.length;
    pen.globalAlpha = (chosen ? one !== chosen && !beside.has(one) : wanted && !fits.has(one)) ? 0.2 : 1;
    if (closed || !one.group) {
      pen.beginPath();
      pen.arc(x, y, one.radius, 0, 7);
      pen.fillStyle = COLOURS[one.group ? "repository" : one.kind];
      pen.fill();
      if (one === chosen || (wanted && fits.has(one))) {
        pen.strokeStyle = mark;
        pen.lineWidth = 3 / view.scale;
        pen.stroke();
      }
    }
    if (one.group || view.scale > 0.9 || drawn.length < 150 || one === chosen || (beside && beside.has(one))) named.push([one, x, y, pen.globalAlpha]);
  }
  named.sort((a, b) => Boolean(b[0].group) - Boolean(a[0].group));
  pen.font = `${12 / view.scale}px system-ui, sans-serif`;
  pen.lineJoin = "round";
  for (const [one, x, y, alpha] of named.slice(0, LABELS)) {
    const text = one.group ? one.short : one.name.slice(one.kind === "file" ? one.name.lastIndexOf("/") + 1 : 0);
    const open = one.group && one.now.length;
    const from = open ? x - pen.measureText(text).width / 2 : x + one.radius + 4 / view.scale;
    const height = open ? y - one.radius - 5 / view.scale : y + 4 / view.scale;
    pen.globalAlpha = alpha;
    pen.strokeStyle = paper;
    pen.lineWidth = 3 / view.scale;
    pen.strokeText(text, from, height);
    pen.fillStyle = ink;
    pen.fillText(text, from, height);
  }
  pen.globalAlpha = 1;
  cost = performance.now() - begun;
  still = null;
  canvas.dataset.cost = cost.toFixed(1);
  canvas.dataset.lines = lines.length;
};
// How far from its end a line stops: from within an open repository it goes on to the middle.
const edgeOf = (line) => (line.from.of === line.to ? 0 : line.to.radius);
const heads = (arrows, colour) => {
  const size = 7 / Math.max(0.6, view.scale);
  pen.beginPath();
  for (const [x1, y1, x2, y2, radius] of arrows) {
    const long = Math.hypot(x2 - x1, y2 - y1) || 1, x = (x2 - x1) / long, y = (y2 - y1) / long;
    const tipX = x2 - x * (radius + 1), tipY = y2 - y * (radius + 1);
    pen.moveTo(tipX, tipY);
    pen.lineTo(tipX - size * x - (size / 2) * y, tipY - size * y + (size / 2) * x);
    pen.lineTo(tipX - size * x + (size / 2) * y, tipY - size * y - (size / 2) * x);
  }
  pen.fillStyle = colour;
  pen.fill();
};
const moved = (before) => {
  // Where drawing takes longer than a picture may, the last one is moved, and drawn anew once the hand is still.
  if (cost < 25) return paint();
  if (!still) {
    still = { picture: document.createElement("canvas"), view: { ...before } };
    [still.picture.width, still.picture.height] = [canvas.width, canvas.height];
    still.picture.getContext("2d").drawImage(canvas, 0, 0);
  }
  const scale = view.scale / still.view.scale;
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(still.picture, ratio * (view.x - still.view.x * scale), ratio * (view.y - still.view.y * scale), canvas.width * scale, canvas.height * scale);
  clearTimeout(settle);
  settle = setTimeout(paint, 120);
};

// ---- moving and zooming
const zoom = (factor, x = innerWidth / 2, y = innerHeight / 2) => {
  const before = { ...view }, scale = Math.min(6, Math.max(0.02, view.scale * factor)), real = scale / view.scale;
  view = { x: x - (x - view.x) * real, y: y - (y - view.y) * real, scale };
  moved(before);
};
const pan = (x, y) => {
  const before = { ...view };
  view = { ...view, x: view.x + x, y: view.y + y };
  moved(before);
};
const fit = () => {
  const shown = groups.filter((group) => group.shown);
  if (!shown.length) return;
  const left = Math.min(...shown.map((one) => one.cx - one.radius)), right = Math.max(...shown.map((one) => one.cx + one.radius));
  const top = Math.min(...shown.map((one) => one.cy - one.radius)), bottom = Math.max(...shown.map((one) => one.cy + one.radius));
  const panel = innerWidth > 760 ? 370 : 0, room = 60;
  const scale = Math.min(2, (innerWidth - panel - 3 * room) / (right - left || 1), (innerHeight - 2 * room) / (bottom - top || 1));
  view.scale = Math.max(0.02, scale);
  view.x = panel + (innerWidth - panel - room) / 2 - ((left + right) / 2) * view.scale;
  view.y = innerHeight / 2 - ((top + bottom) / 2) * view.scale;
  paint();
};
const centre = (one) => {
  const [x, y] = placeOf(one);
  const panel = innerWidth > 760 ? 370 : 0;
  if (view.scale < 0.5 && !one.group) view.scale = 1;
  view.x = panel + (innerWidth - panel) / 2 - x * view.scale;
  view.y = innerHeight / 2 - y * view.scale;
  paint();
};
const hit = (clientX, clientY) => {
  const x = (clientX - view.x) / view.scale, y = (clientY - view.y) / view.scale;
  let best = null, nearest = Infinity;
  for (const one of drawn) {
    if (one.group && one.now.length) continue;
    const [oneX, oneY] = placeOf(one), far = Math.hypot(oneX - x, oneY - y) - one.radius;
    if (far < 5 / view.scale && far < nearest) [best, nearest] = [one, far];
  }
  return best || groups.find((group) => group.shown && group.now.length && Math.hypot(group.cx - x, group.cy - y) < group.radius) || null;
};
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
}, { passive: false });
let held = null;
canvas.addEventListener("pointerdown", (event) => { held = { x: event.clientX, y: event.clientY, far: 0 }; });
addEventListener("pointermove", (event) => {
  if (!held) return;
  const x = event.clientX - held.x, y = event.clientY - held.y;
  held = { x: event.clientX, y: event.clientY, far: held.far + Math.abs(x) + Math.abs(y) };
  if (held.far > 4) {
    canvas.classList.add("moving");
    pan(x, y);
  }
});
addEventListener("pointerup", (event) => {
  if (held && held.far <= 4 && event.target === canvas) choose(hit(event.clientX, event.clientY));
  held = null;
  canvas.classList.remove("moving");
});
canvas.addEventListener("dblclick", (event) => toggle(hit(event.clientX, event.clientY)));
canvas.addEventListener("keydown", (event) => {
  const step = 60, keys = {
    ArrowLeft: () => pan(step, 0), ArrowRight: () => pan(-step, 0), ArrowUp: () => pan(0, step), ArrowDown: () => pan(0, -step),
    "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), 0: fit, Enter: () => toggle(chosen),
  };
  if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});
addEventListener("keydown", (event) => { if (event.key === "Escape") choose(null); });
at("in").addEventListener("click", () => zoom(1.4));
at("out").addEventListener("click", () => zoom(1 / 1.4));
at("fit").addEventListener("click", fit);
const openAll = (open) => {
  for (const group of groups) group.open = open && group.inside.length > 0;
  rebuild();
  fit();
};
at("open").addEventListener("click", () => openAll(true));
at("shut").addEventListener("click", () => openAll(false));

// ---- choosing
const toggle = (one) => {
  const group = one && (one.group ? one : one.of);
  if (!group || !group.inside.length) return;
  group.open = !group.open;
  if (!group.open && chosen && !chosen.group && chosen.of === group) chosen = group;
  rebuild();
  describe();
};
const choose = (one) => {
  chosen = one;
  describe();
  paint();
};
const text = (name, said, parent) => {
  const made = document.createElement(name);
  made.textContent = said;
  if (parent) parent.append(made);
  return made;
};
const press = (said, action, parent) => {
  const made = text("button", said, parent);
  made.addEventListener("click", action);
  return made;
};
const fullName = (one) => (one.group ? one.name : one.kind === "package" ? one.name : `${one.of.short}:${one.name}`);
const code = (root, path, line, parent) => {
  const said = line ? `${path}:${line}` : path;
  if (!root || !root.startsWith("/")) return text("span", said, parent);
  const made = text("a", said, parent);
  made.href = `vscode://file${encodeURI(`${root}/${path}`).replace(/[?#]/g, encodeURIComponent)}${line ? `:${line}` : ""}`;
  return made;
};
const listed = (title, found, other, parent) => {
  if (!found.length) return;
  const part = document.createElement("details");
  part.open = found.length < 40;
  text("summary", `${title} (${found.length.toLocaleString("en")})`, part);
  const list = part.appendChild(document.createElement("ul"));
  for (const line of found.sort((a, b) => b.times - a.times).slice(0, 200)) {
    const item = list.appendChild(document.createElement("li")), tie = line.ties[0];
    press(fullName(other(line)), () => { choose(other(line)); centre(other(line)); }, item);
    const told = [...new Set(line.ties.map((one) => one.kind))].join(", ");
    text("span", ` ${told}${tie.detail ? ` ${tie.detail}` : ""}${line.times > 1 ? ` (${line.times.toLocaleString("en")} places)` : ""} `, item);
    const where = tie.from.kind === "package" ? tie.to.of : tie.from.of;
    if (tie.path) code(where.root, tie.path, tie.line, item);
  }
  if (found.length > 200) text("li", `and ${(found.length - 200).toLocaleString("en")} more`, list);
  parent.append(part);
};
const describe = () => {
  const panel = at("chosen");
  panel.replaceChildren();
  if (!chosen) return;
  text("h2", fullName(chosen), panel);
  const facts = text("p", "", panel);
  facts.className = "soft";
  if (chosen.group) {
    facts.textContent = count(chosen.inside.length, "thing in it", "things in it");
    if (chosen.inside.length) press(chosen.open ? "Close" : "Open", () => toggle(chosen), panel);
  } else {
    facts.textContent = [chosen.kind, chosen.version].filter(Boolean).join(" ");
    if (chosen.path) code(chosen.of.root, chosen.path, chosen.line, panel);
  }
  listed("Depends on", lines.filter((line) => line.from === chosen), (line) => line.to, panel);
  listed("Depended on by", lines.filter((line) => line.to === chosen), (line) => line.from, panel);
};

// ---- finding and filtering
const search = () => {
  wanted = at("search").value.trim().toLowerCase();
  fits = new Set();
  const found = [];
  if (wanted) {
    for (const group of groups) if (group.shown && group.name.toLowerCase().includes(wanted)) found.push(group);
    for (const node of nodes) if (node.kind !== "repository" && isOn(node) && node.name.toLowerCase().includes(wanted)) found.push(node);
    for (const one of found) fits.add(one.group ? one : standsFor(one));
  }
  at("found").textContent = wanted ? count(found.length, "match", "matches") : "";
  const list = document.createElement("ul");
  for (const one of found.slice(0, 12)) press(fullName(one), () => show(one), list.appendChild(document.createElement("li")));
  at("matches").replaceChildren(...(found.length ? [list] : []));
  paint();
  return found;
};
const show = (one) => {
  if (!one.group && !one.of.open) {
    one.of.open = true;
    rebuild();
  }
  choose(one);
  centre(one);
};
at("search").addEventListener("input", search);
at("search").addEventListener("keydown", (event) => {
  if (event.key === "Enter") {
    const [first] = search();
    if (first) show(first);
  }
});
const box = (parent, said, colour, change, inline) => {
  const label = document.createElement("label"), input = document.createElement("input");
  if (inline) label.className = "in";
  input.type = "checkbox";
  input.checked = true;
  input.addEventListener("change", () => { change(input.checked); rebuild(); search(); describe(); });
  label.append(input, " ");
  if (colour) {
    const dot = document.createElement("i");
    dot.style.background = colour;
    label.append(dot);
  }
  label.append(said);
  at(parent).append(label);
  return label;
};
const choices = (name, values, said = (value) => value, colour = () => "") => {
  for (const value of [...new Set(values)].filter(Boolean).sort()) {
    box(name, said(value), colour(value), (on) => off[name][on ? "delete" : "add"](value), true);
  }
};
choices("kinds", nodes.map((node) => node.kind).filter((kind) => kind !== "repository"), (kind) => NAMES[kind], (kind) => COLOURS[kind]);
choices("ties", edges.map((edge) => edge.kind));
choices("ecosystems", nodes.map((node) => node.ecosystem));
choices("scopes", edges.map((edge) => edge.scope));
for (const group of [...groups].sort((a, b) => (a.name < b.name ? -1 : 1))) {
  box("groups", `${group.name} (${group.inside.length})`, "", (on) => { group.shown = on; }, true);
  press("find", () => show(group), at("groups")).setAttribute("aria-label", `Find ${group.name}`);
  at("groups").append(document.createElement("br"));
}
at("title").textContent = data.title;
addEventListener("resize", resize);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
if (nodes.length <= 60) for (const group of groups) group.open = group.inside.length > 0;
resize();
rebuild();
fit();
