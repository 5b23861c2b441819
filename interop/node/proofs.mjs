// DPoP proofs made by the package dpop, and by jose with the JWK as WebCrypto
// exports it: with ext and key_ops.
import * as dpop from 'dpop'
import { SignJWT, calculateJwkThumbprint, generateKeyPair } from 'jose'
import { receive, send } from './lib.mjs'

const { htu, htm, nonce, accessToken } = await receive()

const proofs = []
for (const alg of ['ES256', 'PS256', 'Ed25519']) {
  const keys = await dpop.generateKeyPair(alg)
  const proof = await dpop.generateProof(keys, htu, htm, nonce, accessToken)
  proofs.push({ name: `dpop ${alg}`, proof, thumbprint: await dpop.calculateThumbprint(keys.publicKey) })
}

const hash = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(accessToken))).toString('base64url')
const claims = { htu, htm, nonce, ath: hash, jti: crypto.randomUUID() }
const sign = ({ privateKey }, alg, jwk) =>
  new SignJWT(claims).setIssuedAt().setProtectedHeader({ alg, typ: 'dpop+jwt', jwk }).sign(privateKey)

for (const alg of ['ES256', 'PS256', 'EdDSA', 'Ed25519']) {
  const keys = await generateKeyPair(alg, { extractable: true })
  const jwk = await crypto.subtle.exportKey('jwk', keys.publicKey)
  proofs.push({
    name: `jose ${alg}`,
    members: Object.keys(jwk),
    proof: await sign(keys, alg, jwk),
    thumbprint: await calculateJwkThumbprint(jwk),
    forEncryption: await sign(keys, alg, { ...jwk, key_ops: ['encrypt'] }),
    withPrivateKey: await sign(keys, alg, await crypto.subtle.exportKey('jwk', keys.privateKey)),
  })
}
send(proofs)
