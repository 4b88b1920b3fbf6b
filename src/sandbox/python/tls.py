"""
The certificate authorities of the machine, for instances that cannot read its files: the zygote reads
them, and contexts that ask for the default ones get those.
"""
import ssl

_authorities = ""


def read_authorities():
    global _authorities
    paths = ssl.get_default_verify_paths()
    for path in (paths.cafile, paths.openssl_cafile, "/etc/ssl/certs/ca-certificates.crt",
                 "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"):
        try:
            with open(path, encoding="ascii", errors="ignore") as file:
                _authorities = file.read()
                return
        except (OSError, TypeError):
            continue


def install():
    load = ssl.SSLContext.load_default_certs

    def load_default_certs(self, purpose=ssl.Purpose.SERVER_AUTH):
        load(self, purpose)
        if _authorities and not self.cert_store_stats()["x509_ca"]:
            self.load_verify_locations(cadata=_authorities)

    ssl.SSLContext.load_default_certs = load_default_certs
