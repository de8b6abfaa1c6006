extension MySQLConnection {
    /// A session variable that the set-up of a connection sets.
    package struct SessionVariable: Sendable, Equatable {
        package let name: String
        /// As the server shows it, with 1 and 0 for ON and OFF; nil: it depends on the server or the configuration.
        package let value: String?
    }

    /// The session variables that are set on each connection; a server may lack some of them.
    package static let sessionVariables: [SessionVariable] = {
        var found: [SessionVariable] = []
        for text in SessionSetup.variables + [SessionSetup.limits(.seconds(1)), "innodb_lock_wait_timeout = ?"] {
            for variable in variables(in: text) where !found.contains(where: { $0.name == variable.name }) {
                found.append(variable)
            }
        }
        return found
    }()

    /// The variables that a part of a SET statement assigns.
    static func variables(in text: String) -> [SessionVariable] {
        let isLimit = text.hasPrefix("SET")
        return text.matches(of: /([a-z_]+) = (?:'([^']*)'|(\d+))?/).map { match in
            let value = (match.output.2 ?? match.output.3).map(String.init)
            return SessionVariable(name: String(match.output.1), value: isLimit ? nil : value)
        }
    }
}
