extension MySQLError {
    /// What else than a wrong user or password may be the reason of a refused log-in; nil: nothing that is known.
    ///
    /// Servers answer with the same error (1045) where the password is wrong, where the account is for another host,
    /// and where it requires TLS or a certificate that the connection lacks.
    func loginHint(_ tls: MySQLConfiguration.TLS, at address: MySQLConfiguration.Address) -> String? {
        var hints: [String] = []
        if let serverCode, ServerErrorCode.noAccountForHost.contains(serverCode), case .tcp(let host, _) = address,
            host.isOfThisMachine
        {
            hints.append(
                "an account for 'localhost' may exist for the server's Unix socket only: name it with "
                    + "socket=/path/to/mysqld.sock, or create the account for '127.0.0.1' too")
        }
        if serverCode == ServerErrorCode.wrongPassword {
            if tls.mode == .off {
                hints.append("an account that requires TLS is refused in the same way: tls is off, ask for tls=require")
            } else if tls.certificateFile == nil {
                hints.append(
                    "an account that requires a client certificate is refused in the same way: give tls-cert and tls-key"
                )
            }
        }
        if serverCode == ServerErrorCode.secureTransportRequired {
            hints.append("the server takes encrypted connections only: ask for tls=require or tls=verify-identity")
        }
        return hints.isEmpty ? nil : hints.joined(separator: "; ")
    }
}

extension String {
    /// A name or address of the machine that this process runs on.
    package var isOfThisMachine: Bool { ["localhost", "127.0.0.1", "::1"].contains(lowercased()) }
}
