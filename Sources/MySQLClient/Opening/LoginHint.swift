extension MySQLError {
    /// Possible reasons for a refused login besides a wrong user or password; nil: none known.
    ///
    /// Servers return the same error (1045) if the password is wrong, if the account is for another host, and if it
    /// requires TLS or a certificate that the connection doesn't have.
    func loginHint(_ tls: MySQLConfiguration.TLS, at address: MySQLConfiguration.Address) -> String? {
        var hints: [String] = []
        if let serverCode, ServerErrorCode.noAccountForHost.contains(serverCode), case .tcp(let host, _) = address,
            host.isOfThisMachine
        {
            hints.append(
                "an account for 'localhost' may exist for the server's Unix socket only: connect to it with "
                    + "socket=/path/to/mysqld.sock, or create the account for '127.0.0.1' too")
        }
        if serverCode == ServerErrorCode.wrongPassword {
            if tls.mode == .off {
                hints.append("an account that requires TLS is refused in the same way: tls is off, set tls=require")
            } else if tls.certificateFile == nil {
                hints.append(
                    "an account that requires a client certificate is refused in the same way: set tls-cert and tls-key"
                )
            }
        }
        if serverCode == ServerErrorCode.secureTransportRequired {
            hints.append("the server accepts only encrypted connections: set tls=require or tls=verify-identity")
        }
        return hints.isEmpty ? nil : hints.joined(separator: "; ")
    }
}

extension String {
    /// A name or address of this machine.
    package var isOfThisMachine: Bool { ["localhost", "127.0.0.1", "::1"].contains(lowercased()) }
}
