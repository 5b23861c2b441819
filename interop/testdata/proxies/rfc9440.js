// clientCert is the value of Client-Cert (RFC 9440), or nothing.
function clientCert(r) {
  const pem = r.variables.ssl_client_raw_cert;
  return pem ? `:${pem.replace(/-----[A-Z ]+-----|\s/g, '')}:` : '';
}

export default { clientCert };
