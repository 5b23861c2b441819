// jose verifies what our packages have signed: with the key in the header, or
// with one of a JWK Set.
import { EmbeddedJWK, calculateJwkThumbprint, createLocalJWKSet, jwtVerify } from 'jose'
import { attempt, receive, send } from './lib.mjs'

const verify = ({ jwt, jwks, options }) => attempt(async () => {
  const { payload, protectedHeader } = await jwtVerify(jwt, jwks ? createLocalJWKSet(jwks) : EmbeddedJWK, options)
  const { jwk } = protectedHeader
  return { payload, header: protectedHeader, thumbprint: jwk && await calculateJwkThumbprint(jwk) }
})

send(await Promise.all((await receive()).map(verify)))
