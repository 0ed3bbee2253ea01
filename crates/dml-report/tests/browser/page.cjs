// Opens a report in a real Chromium and uses it: load time, sort, filter, a trial, its latent space; no console error, no request.
//
//   NODE_PATH=.../node_modules node page.cjs REPORT/index.html [FOLDER for screenshots]      # needs playwright-core
//
// page.sh makes a report of made-up trials for it.
"use strict";
const assert = require("node:assert/strict");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { launch, phone, visit, wide } = require("./visit.cjs");

const [page_path, screenshots] = process.argv.slice(2);
assert(page_path, "usage: page.cjs REPORT/index.html [FOLDER for screenshots]");
const url = pathToFileURL(path.resolve(page_path)).href;
const ready = () => document.querySelectorAll("#trials tbody tr").length > 0;
const report = (name, options) => ({ name, url, ready, own: asked => asked === url, options, screenshots });

const cells = (page, column) => page.$$eval("#trials tbody tr", (rows, column) => rows.map(row => row.cells[column].textContent), column);
const found = async page => Number((await page.textContent("#count")).split(" ")[0]);

async function work(page, shot, seconds) {
  const trials = await page.evaluate(() => data.trials.length);
  console.log(`${trials} trials are there after ${seconds.toFixed(2)} s`);
  if (trials <= 2000) assert(seconds < 2, `2,000 trials load in under 2 s, not in ${seconds}`);
  assert.equal(await found(page), trials);
  assert.equal(await page.locator(".verdict").first().isVisible(), true, "the verdicts come first");
  const pictures = await page.$$eval("figure img", images => images.map(image => image.complete && image.naturalWidth > 0));
  assert(pictures.length > 0 && pictures.every(Boolean), "every figure is drawn");
  await shot("top");

  // Sort: a score, descending at first, holes last; then the other way.
  const scores = await page.$$eval("#trials thead th", heads => heads.map(head => head.title));
  const column = scores.findIndex(title => title.endsWith("accuracy"));
  const head = page.locator("#trials thead th button").nth(column);
  for (const sign of [-1, 1]) {
    await head.click();
    const numbers = (await cells(page, column)).filter(text => text !== "–").map(Number);
    assert(numbers.length > 1 && numbers.every((x, i) => i === 0 || sign * (x - numbers[i - 1]) >= 0), "sorted");
  }

  // Filter: a word, a condition, a choice, and all of them off again.
  await page.fill("#filter", "dml_autoencoder");
  const words = await found(page);
  assert(words > 0 && words < trials);
  assert((await page.$$eval("#trials tbody tr", rows => rows.every(row => row.textContent.includes("dml_autoencoder")))));
  await page.fill("#filter", `dml_autoencoder ${scores[column]}>0.5`);
  assert((await found(page)) < words);
  assert((await cells(page, column)).every(text => Number(text) > 0.5));
  await page.fill("#filter", "outcome=missing");
  assert(await found(page) > 0);
  await page.fill("#filter", "");
  const select = page.locator("#controls select").first();
  await select.selectOption({ index: 1 });
  assert((await found(page)) < trials);
  await select.selectOption({ index: 0 });
  assert.equal(await found(page), trials);

  // A trial with a latent space: config, curves, and the image under the pointer.
  const id = await page.evaluate(() => Object.keys(latents().trials)[0]);
  await page.fill("#filter", id);
  await page.click("#trials tbody tr");
  assert.equal(await page.locator("#trial").isVisible(), true);
  assert((await page.textContent("#body")).includes("training.learning_rate"), "the configuration is there");
  assert((await page.locator("#body polyline").count()) > 0, "curves are drawn");
  const canvas = page.locator("#body canvas");
  await canvas.scrollIntoViewIfNeeded();
  const box = await canvas.boundingBox();
  for (let i = 0; i < 40 && !(await page.locator("#tip").isVisible()); i++)
    await page.mouse.move(box.x + box.width * (0.2 + 0.015 * i), box.y + box.height * (0.3 + 0.01 * i));
  assert.match(await page.textContent("#tip"), /^class \d+, row \d+$/);
  await page.waitForFunction(() => document.querySelector("#tip i")?.style.backgroundImage.startsWith("url"));
  await shot("trial");
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#trial").isVisible(), false);
  await page.fill("#filter", "");
}

async function narrow(page, shot) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(wide, false, "a phone does not scroll sideways");
  await shot("top");
  await page.locator("#all").scrollIntoViewIfNeeded();
  await page.locator("#controls").scrollIntoViewIfNeeded();
  await shot("trials");
  await page.fill("#filter", await page.evaluate(() => Object.keys(latents().trials)[0]));
  await page.locator("#trials tbody tr").click();
  await shot("trial");
}

(async () => {
  const browser = await launch();
  try {
    await visit(browser, report("wide-light", { ...wide, colorScheme: "light" }), work);
    await visit(browser, report("wide-dark", { ...wide, colorScheme: "dark" }), work);
    await visit(browser, report("narrow-light", { ...phone, colorScheme: "light" }), narrow);
    await visit(browser, report("narrow-dark", { ...phone, colorScheme: "dark" }), narrow);
    if (screenshots) await visit(browser, report("whole", { ...wide, colorScheme: "light" }), (_, shot) => shot("page", { fullPage: true }));
    console.log("the page works");
  } finally {
    await browser.close();
  }
})().catch(error => { console.error(error); process.exitCode = 1; });
