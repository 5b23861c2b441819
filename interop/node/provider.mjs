// oidc-provider as the authorization server of our client and our API, with the
// FAPI 2.0 profile.
import { randomBytes } from 'node:crypto'
import { exportJWK, generateKeyPair } from 'jose'
import { listen, receive, send } from './lib.mjs'

// oidc-provider is written for Node 22, and this is all of it that Node 20 lacks.
URL.parse ??= (url, base) => (URL.canParse(url, base) ? new URL(url, base) : null)
const { Provider, errors } = await import('oidc-provider')

const { tls, clients, resources } = await receive()
const { server, origin } = await listen(tls)

const algorithms = ['ES256', 'PS256', 'EdDSA', 'Ed25519']

async function signingKey(alg) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true })
  return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: alg }
}

const provider = new Provider(origin, {
  jwks: { keys: await Promise.all(algorithms.map(signingKey)) },
  clients: clients.map(({ clientID, jwks }) => ({
    client_id: clientID,
    jwks,
    token_endpoint_auth_method: 'private_key_jwt',
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    dpop_bound_access_tokens: true,
  })),
  clientAuthMethods: ['private_key_jwt'],
  clientDefaults: { id_token_signed_response_alg: 'PS256', token_endpoint_auth_method: 'private_key_jwt' },
  enabledJWA: {
    clientAuthSigningAlgValues: algorithms,
    dPoPSigningAlgValues: algorithms,
    idTokenSigningAlgValues: algorithms,
  },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
    fapi: { enabled: true, profile: '2.0' },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo(_ctx, resource) {
        const alg = resources[resource]
        if (!alg) throw new errors.InvalidTarget()
        return { scope: 'accounts payments', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg } } }
      },
    },
  },
})
server.on('request', provider.callback())
send({ origin })
