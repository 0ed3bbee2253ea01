// A real Chromium for the tests of pages: nothing may go wrong in it, and none may ask a network.
//
// Needs playwright-core. CHROMIUM names the browser where it is not /usr/bin/chromium (Debian's
// package chromium).
"use strict";
const assert = require("node:assert/strict");
const path = require("node:path");
const { chromium } = require("playwright-core");

const args = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const wide = { viewport: { width: 1280, height: 900 } };
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });

// Opens `url`, waits for `ready` (a function in the page), and uses the page.
// It may ask for what `own` (a function of an address) allows, and for what is in it.
async function visit(browser, { name, url, ready, own, options, screenshots }, use) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const wrong = [];
  page.on("console", message => { if (["error", "warning"].includes(message.type())) wrong.push(message.text()); });
  page.on("pageerror", error => wrong.push(String(error)));
  page.on("request", request => { if (!own(request.url()) && !/^(data|blob):/.test(request.url())) wrong.push("request to " + request.url()); });
  const start = Date.now();
  await page.goto(url);
  await page.waitForFunction(ready);
  const seconds = (Date.now() - start) / 1000;
  const shot = async (suffix, options) => { if (screenshots) await page.screenshot({ path: path.join(screenshots, `${name}-${suffix}.png`), ...options }); };
  await use(page, shot, seconds);
  assert.deepEqual(wrong, [], `${name}: nothing goes wrong and nothing is asked of a network`);
  await context.close();
}

module.exports = { launch, phone, visit, wide };
