// A FAPI client made of oauth4webapi, for the whole authorization code flow of
// examples/authserver. The test is its user: it gets the authorization URL and gives
// back the callback.
import { Agent, request as requestHTTPS } from 'node:https'
import { calculateJwkThumbprint, importJWK } from 'jose'
import * as oauth from 'oauth4webapi'
import { attempt, receive, send } from './lib.mjs'

// wire is fetch with an authority and a client certificate, which that of Node does
// not take.
function wire({ ca, cert, key }) {
  const agent = new Agent({ ca, cert, key, keepAlive: true, minVersion: 'TLSv1.2' })
  return async (url, { method = 'GET', headers, body } = {}) => {
    const content = body === undefined || body === null ? undefined : await new Response(body).text()
    return new Promise((resolve, reject) => {
      const sent = requestHTTPS(url, { method, agent, headers: Object.fromEntries(new Headers(headers)) }, async (received) => {
        const chunks = []
        for await (const chunk of received) chunks.push(chunk)
        const { statusCode: status, headers } = received
        const response = new Response(Buffer.concat(chunks), { status, headers: pairs(headers) })
        Object.defineProperty(response, 'url', { value: String(url) })
        resolve(response)
      })
      sent.on('error', reject)
      sent.end(content)
    })
  }
}

// pairs are response headers as fetch has them: a repeated one comes as an array.
const pairs = (headers) => Object.entries(headers).flatMap(([name, value]) => [value].flat().map((one) => [name, one]))

const { issuer, tls, clientID, redirectURI, scope, jwk, useDPoP, signs, byValue, mode, alg } = await receive()
const options = { [oauth.customFetch]: wire(tls) }
const stranger = { [oauth.customFetch]: wire({ ca: tls.ca }) }
const client = {
  client_id: clientID,
  id_token_signed_response_alg: alg,
  authorization_signed_response_alg: mode ? alg : undefined,
  use_mtls_endpoint_aliases: Boolean(tls.cert),
}

const url = new URL(issuer)
const discover = (algorithm) => attempt(async () =>
  oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm, ...options })))
const [oidc, oauth2] = [await discover('oidc'), await discover('oauth2')]
const as = oauth2.value

const key = jwk && await importJWK(jwk, jwk.alg)
const signing = { key, kid: jwk?.kid ?? (jwk && await calculateJwkThumbprint(jwk)) }
const authentication = tls.cert ? oauth.TlsClientAuth() : oauth.PrivateKeyJwt(signing)
const [proofKeys, otherKeys] = await Promise.all([1, 2].map(() => oauth.generateKeyPair('ES256')))
const DPoP = useDPoP ? oauth.DPoP(client, proofKeys) : undefined
const otherDPoP = useDPoP ? oauth.DPoP(client, otherKeys) : undefined

const verifier = oauth.generateRandomCodeVerifier()
const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
const openid = scope.split(' ').includes('openid')

async function request() {
  const parameters = {
    client_id: clientID, response_type: 'code', redirect_uri: redirectURI, scope, state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    ...(openid ? { nonce } : {}), ...(mode ? { response_mode: mode } : {}),
  }
  if (!signs) return parameters
  return { client_id: clientID, request: await oauth.issueRequestObject(as, client, parameters, signing) }
}

async function push(parameters) {
  const response = await oauth.pushedAuthorizationRequest(as, client, authentication, parameters, { DPoP, ...options })
  return oauth.processPushedAuthorizationResponse(as, client, response)
}

const asked = await request()
const pushed = byValue ? undefined : await attempt(() => push(asked))
const authorization = new URL(as.authorization_endpoint)
const front = byValue ? { ...asked, response_type: 'code', scope: 'openid' } : { client_id: clientID, request_uri: pushed.value?.request_uri }
for (const [name, value] of Object.entries(front)) authorization.searchParams.set(name, value)
send({ pushed, authorization })

const callback = new URL((await receive()).callback)
const received = callback.hash ? new URLSearchParams(callback.hash.slice(1)) : callback.searchParams

const validate = (expected, from = as) => attempt(() => mode
  ? oauth.validateJwtAuthResponse(from, client, received, expected, options)
  : oauth.validateAuthResponse(from, client, received, expected))
const response = await validate(state)
const otherState = await validate('another')
const otherIssuer = await validate(state, { ...as, issuer: 'https://other.example' })

const redeem = (codeVerifier = verifier, proofs = DPoP, uri = redirectURI) => attempt(async () => {
  const answer = await oauth.authorizationCodeGrantRequest(as, client, authentication, response.value, uri, codeVerifier, { DPoP: proofs, ...options })
  return oauth.processAuthorizationCodeResponse(as, client, answer, { expectedNonce: openid ? nonce : oauth.expectNoNonce, requireIdToken: openid })
})
const otherVerifier = await redeem(oauth.generateRandomCodeVerifier())
const otherRedirect = await redeem(verifier, DPoP, redirectURI + '/other')
const boundElsewhere = useDPoP ? await redeem(verifier, otherDPoP) : undefined

// For the last, the raw response: what validates it needs it.
const answer = await oauth.authorizationCodeGrantRequest(as, client, authentication, response.value, redirectURI, verifier, { DPoP, ...options })
const tokens = await attempt(() => oauth.processAuthorizationCodeResponse(as, client, answer, { expectedNonce: openid ? nonce : oauth.expectNoNonce, requireIdToken: openid }))
const signature = openid ? await attempt(() => oauth.validateApplicationLevelSignature(as, answer, options).then(() => 'valid')) : undefined
const claims = tokens.value && oauth.getValidatedIdTokenClaims(tokens.value)

const api = (token, proofs = DPoP, by = options, path = '/accounts') => attempt(async () => {
  const at = tls.cert ? new URL(new URL(as.mtls_endpoint_aliases.token_endpoint).origin) : url
  const answer = await oauth.protectedResourceRequest(token, 'GET', new URL(path, at), undefined, null, { DPoP: proofs ?? undefined, ...by })
  return { status: answer.status, body: await answer.json() }
})
const userinfo = (token) => attempt(async () => {
  const answer = await oauth.userInfoRequest(as, client, token, { DPoP, ...options })
  return oauth.processUserInfoResponse(as, client, claims.sub, answer)
})
const refresh = (parameters, proofs = DPoP) => attempt(async () => {
  const answer = await oauth.refreshTokenGrantRequest(as, client, authentication, tokens.value.refresh_token, { DPoP: proofs, additionalParameters: parameters, ...options })
  return oauth.processRefreshTokenResponse(as, client, answer)
})

const { access_token: token } = tokens.value ?? {}
const report = {
  state, nonce, oidc: oidc.value, oauth2: oauth2.value,
  response: response.value && Object.fromEntries(response.value), otherState, otherIssuer, otherVerifier, otherRedirect,
  tokens, claims, signature,
  accounts: await api(token),
  otherProof: useDPoP ? await api(token, otherDPoP) : undefined,
  withoutCertificate: tls.cert ? await api(token, DPoP, stranger) : undefined,
  bearer: await api(token, null, stranger),
  userinfo: openid ? await userinfo(token) : undefined,
  refreshed: await refresh(),
  narrowed: await refresh({ scope: 'accounts' }),
  widened: await refresh({ scope: scope + ' payments everything' }),
  refreshedWithOtherKey: useDPoP ? await refresh(undefined, otherDPoP) : undefined,
  boundElsewhere,
}
report.revoked = await attempt(async () => oauth.processRevocationResponse(
  await oauth.revocationRequest(as, client, authentication, report.narrowed.value?.access_token, options)))
report.accountsRevoked = await api(report.narrowed.value?.access_token)
report.accountsRefreshed = await api(report.refreshed.value?.access_token)
report.again = await redeem()
report.refreshAfter = await refresh()
report.userinfoAfter = openid ? await userinfo(token) : undefined
report.accountsAfter = await api(token)
send(report)
