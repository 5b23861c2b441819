// A FAPI client made of oauth4webapi, for our authorization server and API.
import * as oauth from 'oauth4webapi'
import { attempt, receive, send } from './lib.mjs'

const { alg } = await receive()
const algorithm = { [oauth.modifyAssertion]: (header) => { header.alg = alg } } // EdDSA has two names
const [clientKeys, proofKeys, otherKeys] = await Promise.all([1, 2, 3].map(() => oauth.generateKeyPair(alg)))
const registered = await crypto.subtle.exportKey('jwk', clientKeys.publicKey) // with ext and key_ops
const kid = 'key of the client'
send({ keys: [{ ...registered, kid }] })

const { issuer, api, clientID } = await receive()
const client = { client_id: clientID }
const discovery = await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2' })
const metadata = (expected) => oauth.processDiscoveryResponse(new URL(expected), discovery.clone())
const as = await metadata(issuer)

const forTokenEndpoint = {
  [oauth.modifyAssertion](header, claims) {
    header.alg = alg
    claims.aud = as.token_endpoint
  },
}
const authentication = (key, options) => oauth.PrivateKeyJwt({ key, kid }, options)
const assertion = authentication(clientKeys.privateKey, algorithm)
const proofs = oauth.DPoP(client, proofKeys, algorithm)
const otherProofs = oauth.DPoP(client, otherKeys, algorithm)

// retried repeats a call once if a nonce is asked for, and says whether it was.
async function retried(call) {
  try {
    return { value: await call(), challenged: false }
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error
    return { value: await call(), challenged: true }
  }
}

const token = (authentication, DPoP, resource = api) => attempt(() => retried(async () => {
  const parameters = { scope: 'accounts', resource }
  const response = await oauth.clientCredentialsGrantRequest(as, client, authentication, parameters, { DPoP })
  return oauth.processClientCredentialsResponse(as, client, response)
}))

const granted = await token(assertion, proofs)
const accessToken = granted.value?.value.access_token ?? 'none'

const accounts = (DPoP, path = '/accounts', method = 'GET') => attempt(() => retried(async () => {
  const response = await oauth.protectedResourceRequest(accessToken, method, new URL(api + path), undefined, null, { DPoP })
  return response.json()
}))

const resource = await oauth.resourceDiscoveryRequest(new URL(api))
const resourceMetadata = (expected) => attempt(async () => {
  const { authorization_servers } = await oauth.processResourceDiscoveryResponse(new URL(expected), resource.clone())
  return authorization_servers
})

send({
  issuer: as.issuer,
  otherIssuer: await attempt(() => metadata(issuer + '/other')),

  token: granted,
  nextToken: await token(assertion, proofs),
  otherKey: await token(authentication(otherKeys.privateKey, algorithm), proofs),
  otherAudience: await token(authentication(clientKeys.privateKey, forTokenEndpoint), proofs),
  otherResource: await token(assertion, proofs, 'https://unknown.example'),
  noProof: await token(assertion, undefined),

  resource: await resourceMetadata(api),
  otherResourceMetadata: await resourceMetadata(api + '/other'),

  accounts: await accounts(proofs, '/accounts?from=2026-01-01'),
  nextAccounts: await accounts(proofs),
  payments: await accounts(proofs, '/payments', 'POST'),
  otherProof: await accounts(otherProofs),
  bearer: await accounts(undefined),
})
