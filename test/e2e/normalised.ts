// What is the same in every run: output with its times, durations and request ids taken out.

/** A line of JSON is laid out for a reader of the diff. */
export function normalised(text: string): string {
  const laidOut = text.startsWith('{') ? `${JSON.stringify(JSON.parse(text), undefined, 2)}\n` : text
  return laidOut
    .replaceAll(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z/g, '<time>')
    .replaceAll(/\b\d\d:\d\d(:\d\d)? UTC( \(in \d+ s\))?/g, '<time of day>')
    .replaceAll(/"(idleSeconds|uptimeSeconds|seconds)": [\d.]+/g, '"$1": 0')
    .replaceAll(/\b\d+ s\b/g, '<n> s')
    .replaceAll(/request id [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, 'request id <uuid>')
}
