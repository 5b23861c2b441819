// An API guarded by oauth4webapi, for our client and our access tokens. Every
// answer brings a new nonce, and only the newest one is good.
import { decodeJwt } from 'jose'
import * as oauth from 'oauth4webapi'
import { attempt, listen, receive, send } from './lib.mjs'

const { tls, issuer } = await receive()
const { server, origin } = await listen(tls)
send({ origin })

const signingAlgorithms = ['ES256', 'PS256', 'EdDSA']
let as
let nonce = oauth.generateRandomNonce()

async function discover() {
  const url = new URL(issuer)
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm: 'oauth2' }))
}

server.on('request', async (request, response) => {
  as ??= await discover()
  const { method, headers } = request
  const outcome = await attempt(() =>
    oauth.validateJwtAccessToken(as, new Request(origin + request.url, { method, headers }), origin, { requireDPoP: true, signingAlgorithms }))
  if (outcome.value && decodeJwt(headers.dpop).nonce !== nonce) {
    response.setHeader('WWW-Authenticate', 'DPoP error="use_dpop_nonce", error_description="the newest, please"')
    outcome.error = 'use_dpop_nonce'
  }
  nonce = oauth.generateRandomNonce()
  response.writeHead(outcome.error ? 401 : 200, { 'Content-Type': 'application/json', 'DPoP-Nonce': nonce })
  response.end(JSON.stringify(outcome.error ? outcome : outcome.value))
})
