package import ArgumentParser
import Foundation
package import MySQLClient

/// Which server.
package struct ServerArguments: ParsableArguments {
    @Option(help: "The server: mysql://user:password@host/database. Default: MYSQL_URL.")
    package var url: String?

    package init() {}

    package func configuration() throws -> MySQLConfiguration {
        guard let url = url ?? ProcessInfo.processInfo.environment["MYSQL_URL"], !url.isEmpty else {
            throw ValidationError("The server is missing. Pass --url, or set MYSQL_URL.")
        }
        return try MySQLConfiguration(url: url)
    }
}
