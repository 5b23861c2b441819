// Client assertions made by jose.
import { SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'
import { receive, send } from './lib.mjs'

const { issuer, clientID } = await receive()

async function assertions(alg) {
  const [keys, others] = await Promise.all([1, 2].map(() => generateKeyPair(alg, { extractable: true })))
  const jwk = await exportJWK(keys.publicKey)
  const kid = await calculateJwkThumbprint(jwk)
  const sign = ({ aud = issuer, exp = '1 minute', header = {}, key = keys.privateKey } = {}) =>
    new SignJWT({}).setProtectedHeader({ alg, kid, ...header })
      .setIssuer(clientID).setSubject(clientID).setAudience(aud).setJti(crypto.randomUUID())
      .setIssuedAt().setExpirationTime(exp).sign(key)
  return {
    alg,
    jwks: { keys: [{ ...jwk, kid, alg, use: 'sig' }] },
    accepted: await Promise.all([
      sign(),
      sign({ header: { typ: 'JWT' } }),
      sign({ header: { typ: 'client-authentication+jwt' } }),
      sign({ header: { kid: undefined } }),
    ]),
    otherAudience: await sign({ aud: issuer + '/token' }),
    listedAudience: await sign({ aud: [issuer] }),
    expired: await sign({ exp: '-1 minute' }),
    otherType: await sign({ header: { typ: 'dpop+jwt' } }),
    otherKeyID: await sign({ header: { kid: 'other' } }),
    otherKey: await sign({ key: others.privateKey }),
  }
}

send(await Promise.all(['ES256', 'PS256', 'EdDSA', 'Ed25519'].map(assertions)))
