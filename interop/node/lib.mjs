// The conversation with the Go test: lines of JSON on stdin and stdout.
import { Console } from 'node:console'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { createInterface } from 'node:readline'

globalThis.console = new Console(process.stderr) // stdout is for the test

const lines = createInterface({ input: process.stdin })
const iterator = lines[Symbol.asyncIterator]()

export async function receive() {
  const { value, done } = await iterator.next()
  if (done) throw new Error('the test has left')
  return JSON.parse(value)
}

export function send(value) {
  process.stdout.write(JSON.stringify(value) + '\n')
}

// listen starts an HTTPS server with the test's certificate. It lives until the
// test closes stdin, so that it cannot outlive it.
export async function listen({ key, cert }) {
  const server = createServer({ key, cert, minVersion: 'TLSv1.2' })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  iterator.next().then(() => process.exit())
  return { server, origin: `https://127.0.0.1:${server.address().port}` }
}

// attempt turns what a call throws into a word that a test can compare: the
// OAuth error the peer sent, or else the code of the library.
export async function attempt(call) {
  try {
    return { value: await call() }
  } catch (error) {
    if (!error.code) throw error
    const sent = error.error ?? (Array.isArray(error.cause) ? error.cause.map(({ parameters }) => parameters.error).find(Boolean) : undefined)
    return { status: error.status, error: sent ?? error.code, claim: error.cause?.claim ?? error.claim }
  }
}
