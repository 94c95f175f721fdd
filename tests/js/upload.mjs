// Uploads a file by tus-js-client as a page would, aborting it at `cuts` and resuming each time from the stored URL.
// Arguments: endpoint, token, file, filetype, cuts (bytes, by commas). Prints what came of it as JSON.
import { createReadStream, statSync } from "node:fs";
import { basename } from "node:path";
import * as tus from "tus-js-client";

const [endpoint, token, file, filetype, cutsText = ""] = process.argv.slice(2);
const cuts = cutsText.split(",").filter(Boolean).map(Number);
const size = statSync(file).size;

function run(cut, url) {
  return new Promise((resolve, reject) => {
    let progressed = 0;
    const upload = new tus.Upload(createReadStream(file), {
      endpoint,
      uploadUrl: url,
      uploadSize: size,
      chunkSize: 64 * 1024,
      retryDelays: [0, 100, 300, 1000, 3000, 5000],
      headers: { Authorization: `Bearer ${token}` },
      metadata: { filename: basename(file), filetype },
      onProgress(sent) {
        progressed = sent;
        if (cut !== undefined && sent >= cut) {
          cut = undefined;
          upload.abort().then(() => resolve({ url: upload.url, sent, done: false }), reject);
        }
      },
      onError: reject,
      onSuccess: () => resolve({ url: upload.url, sent: progressed, done: true }),
    });
    upload.start();
  });
}

const resumed = [];
let result = { url: null, done: false };
for (const cut of cuts) {
  result = await run(cut, result.url);
  resumed.push(result.sent);
  if (result.done) break;
}
if (!result.done) result = await run(undefined, result.url);
console.log(JSON.stringify({ ...result, resumed }));
