// A short look whether a deployment serves: k6 run -e URL=http://... -e TOKEN=gd_... smoke.js
import http from "k6/http";
import { check } from "k6";

export const options = {
  scenarios: {
    reads: { executor: "constant-arrival-rate", rate: 100, timeUnit: "1s", duration: "30s", preAllocatedVUs: 20 },
  },
  thresholds: { checks: ["rate>0.999"], http_req_failed: ["rate<0.001"] },
};

export default function () {
  const answer = http.get(`${__ENV.URL}/api/v1/products?limit=5`, {
    headers: { Authorization: `Bearer ${__ENV.TOKEN}` },
  });
  check(answer, { "answers 200 or asks to wait": (seen) => seen.status === 200 || seen.status === 429 });
}
