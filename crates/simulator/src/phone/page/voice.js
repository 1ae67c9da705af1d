// Voice notes from the microphone.

import { fill, h, spoken } from "./dom.js";
import { icon } from "./icons.js";
import { choose, sendFile } from "./attach.js";
import { duration, t } from "./words.js";

/** Records into the composer's place; where there is no microphone, a file is picked. `done` puts the composer back. */
export async function record(chat, place, done) {
  const pick = () => choose("audio/*", (file) => sendFile(chat, "audio", file));
  if (!window.MediaRecorder || !navigator.mediaDevices) return pick();
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true }).catch(() => null);
  if (!stream) return pick();
  const mimeType = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"].find((type) => MediaRecorder.isTypeSupported(type));
  const recorder = new MediaRecorder(stream, mimeType ? { mimeType, audioBitsPerSecond: 24_000 } : {});
  const parts = [];
  let keep = false;
  const begun = performance.now();
  const time = h("span", { class: "recording-time", role: "timer" }, "0:00");
  const beat = setInterval(() => fill(time, duration((performance.now() - begun) / 1000)), 250);
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.onstop = () => {
    clearInterval(beat);
    stream.getTracks().forEach((track) => track.stop());
    done();
    const type = recorder.mimeType || "audio/webm";
    if (keep) sendFile(chat, "audio", new File(parts, "voice", { type }), { voice: true });
  };
  const stop = (kept) => () => { keep = kept; recorder.stop(); };
  const cancel = h("button", { type: "button", class: "icon-button", onclick: stop(false) }, icon("trash"), spoken(t("discard")));
  const send = h("button", { type: "button", class: "send", onclick: stop(true) }, icon("send"), spoken(t("send")));
  fill(place, cancel, h("span", { class: "recording" }, h("i", { class: "red-dot" }), t("recording"), time), send);
  send.focus();
  recorder.start();
}
