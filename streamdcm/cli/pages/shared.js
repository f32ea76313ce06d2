const $ = id => document.getElementById(id);
const number = value => Math.round(value).toLocaleString("en");
const element = (name, text, cls) => { const e = document.createElement(name); if (text !== undefined) e.textContent = text; if (cls) e.className = cls; return e; };
const colour = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
function prepared(canvas) {
  const scale = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  canvas.width = Math.round(box.width * scale); canvas.height = Math.round(box.height * scale);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale); pen.clearRect(0, 0, box.width, box.height);
  pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
  return [pen, box.width, box.height];
}
