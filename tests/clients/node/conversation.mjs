// The conversation with the process that started this program: one line of JSON each way at a time.

import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

async function hear() {
  const { value, done } = await lines.next()
  return done ? undefined : JSON.parse(value)
}

function tell(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`)
}

// Sends the person's browser to the URL, and returns the URL at which it comes back to the client.
export async function visit(url, allow = true) {
  tell({ visit: url.href, allow })
  return new URL((await hear()).redirect)
}

// Runs the flows that are asked for, each by the name of its function.
export async function serve(...flows) {
  const named = new Map(flows.map((flow) => [flow.name, flow]))
  for (let site = await hear(); site !== undefined; site = await hear()) {
    try {
      await named.get(site.flow)(site)
      tell({ through: site.flow })
    } catch (error) {
      const cause = error.cause === undefined ? '' : `\ncause: ${JSON.stringify(error.cause)} ${error.cause}`
      tell({ failed: `${error.stack ?? error}${cause}` })
    }
  }
}
