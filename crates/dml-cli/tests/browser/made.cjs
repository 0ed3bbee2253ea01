// Made-up models for the test of their page: points in clouds, and sheets of pictures that can be
// told apart.
"use strict";
const fs = require("node:fs");
const path = require("node:path");

// mulberry32, by Tommy Ettinger: the same numbers everywhere.
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// The first images of a model lie apart from all others, in a row along the bottom of the map.
const APART = 10;

// Every class is a cloud on a ring; the further out an image lies, the more the model doubts.
function made({ name, images, classes, labelled, columns, rows, files, estimate }) {
  const next = random(7), normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const model = { name, images, classes, tile: { width: 28, height: 28, columns, rows }, sheets: Math.ceil(images / (columns * rows)), x: [], y: [], given: [], guess: [], confidence: [], margin: [], files, estimate };
  const truth = [], k = classes.length, spread = 0.19 / Math.sqrt(k), inside = v => Math.min(1, Math.max(0, v));
  for (let i = 0; i < images; i++) {
    const of = i < APART ? i % k : Math.floor(next() * k), far = [normal(), normal()], angle = 2 * Math.PI * of / k;
    const distance = Math.hypot(...far), wrong = next() < 0.02 * distance ** 3;
    truth.push(of);
    model.x.push(i < APART ? 0.05 + 0.1 * i : inside(0.5 + 0.34 * Math.cos(angle) + spread * far[0]));
    model.y.push(i < APART ? 0.01 : Math.max(0.12, inside(0.56 + 0.32 * Math.sin(angle) + spread * far[1])));
    model.guess.push(wrong ? (of + 1) % k : of);
    model.margin.push(inside(1 / (1 + Math.exp(3 * distance - 7)) * (wrong ? 0.3 : 1)));
    model.confidence.push((1 + model.margin[i]) / 2);
    model.given.push(i < APART ? (i % 2 ? of : -1) : i % Math.floor(images / labelled) ? -1 : of);
  }
  return { model, truth };
}

// Drawn in the browser: the shape of its class, and below it the image's number in 16 bits.
function sheet({ first, truth, columns, width, height, last }) {
  const canvas = document.createElement("canvas"), rows = Math.ceil((last - first) / columns);
  canvas.width = columns * width;
  canvas.height = rows * height;
  const pen = canvas.getContext("2d");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  for (let i = first; i < last; i++) {
    const x = (i - first) % columns * width, y = Math.floor((i - first) / columns) * height, of = truth[i - first], sides = of % 5 + 2;
    pen.fillStyle = `hsl(${i * 67 % 360} 70% ${60 + i % 20}%)`;
    pen.beginPath();
    if (sides === 2) pen.arc(x + 14, y + 12, 9, 0, 7);
    else for (let s = 0; s < sides; s++) pen.lineTo(x + 14 + 10 * Math.sin(2 * Math.PI * s / sides + i), y + 12 - 10 * Math.cos(2 * Math.PI * s / sides + i));
    pen.fill();
    pen.fillStyle = "white";
    for (let bit = 0; bit < 16; bit++) if (i >> bit & 1) pen.fillRect(x + 6 + bit, y + height - 3, 1, 3);
  }
  return canvas.toDataURL();
}

// Writes the model's page with its data, as dml fit does.
async function write(blank, folder, { model, truth }) {
  fs.mkdirSync(path.join(folder, "page"), { recursive: true });
  fs.copyFileSync(path.join(__dirname, "../../assets/model.html"), path.join(folder, "index.html"));
  fs.writeFileSync(path.join(folder, "page/data.js"), `window.model = ${JSON.stringify(model)};\n`);
  const { columns, rows, width, height } = model.tile, per = columns * rows;
  for (let k = 0; k < model.sheets; k++) {
    const first = k * per, last = Math.min(model.images, first + per);
    const url = await blank.evaluate(sheet, { first, last, columns, width, height, truth: truth.slice(first, last) });
    fs.writeFileSync(path.join(folder, `page/images-${k}.png`), Buffer.from(url.split(",")[1], "base64"));
  }
}

// The image's number, read from a screenshot of its picture.
function number(blank, screenshot) {
  return blank.evaluate(async url => {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas"), zoom = image.naturalWidth / 28;
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const pen = canvas.getContext("2d");
    pen.drawImage(image, 0, 0);
    let found = 0;
    for (let bit = 0; bit < 16; bit++) if (pen.getImageData((6.5 + bit) * zoom, 26.5 * zoom, 1, 1).data[0] > 128) found |= 1 << bit;
    return found;
  }, "data:image/png;base64," + screenshot.toString("base64"));
}

module.exports = { APART, made, number, write };
