-- client_cert_chain is the value of Client-Cert-Chain (RFC 9440). HAProxy has
-- the intermediates as one string of DER, in which each says how long it is.
core.register_fetches("client_cert_chain", function(txn)
  local der, items, at = txn.f:ssl_c_chain_der() or "", {}, 1
  while at < #der do
    local size, head = der:byte(at + 1), 2
    if size > 128 then
      head = head + size - 128
      size = string.unpack(">I" .. head - 2, der, at + 2)
    end
    table.insert(items, ":" .. txn.c:base64(der:sub(at, at + head + size - 1)) .. ":")
    at = at + head + size
  end
  return table.concat(items, ", ")
end)
