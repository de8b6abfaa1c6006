import Foundation
import HostileServer
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing

@testable import MySQLClient

/// An error before the caller's own statement was sent is not the outcome of that statement.
@Suite struct SetUpFailureTests {
    enum Step: CaseIterable, Sendable {
        case greeting, logIn, setUp
    }

    /// All codes there are with `make test-faults`, some of each range otherwise.
    private static let step = ProcessInfo.processInfo.environment["FEDIFY_KV_FAULT_TIMES"] == nil ? 23 : 1

    /// Any code, at each step: no connection to be had, which is tried again; but for an account that will not
    /// be let in later either.
    @Test(arguments: Step.allCases)
    func anyCodeIsTriedAgainUnlessTheAccountIsAtFault(_ step: Step) async throws {
        let code = NIOLockedValueBox<UInt16>(0)
        let server = try FakeServer { connection in
            let session = FakeSession(connection)
            let error = FakeSession.error(code.withLockedValue(\.self), "refused")
            switch step {
            case .greeting: connection.packet(0, error)
            case .logIn:
                session.greet()
                _ = connection.read()
                connection.packet(2, error)
            case .setUp:
                session.logIn()
                session.serve { command in
                    // The first statement of the set-up, as a proxy's whose server is away.
                    guard case .query(let sql) = command, sql.hasPrefix("SET SESSION innodb_lock") else { return false }
                    connection.packet(1, error)
                    return true
                }
            }
            connection.hangUp()
        }
        defer { server.stop() }
        let configuration = MySQLConfiguration(
            address: .tcp(host: "127.0.0.1", port: server.port), user: "user", password: "secret", database: "db")
        let factory = ConnectionFactory(configuration)
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let ranges = [1000...1999, 3000...4200].flatMap {
            stride(from: $0.lowerBound, through: $0.upperBound, by: Self.step)
        }
        for number in ranges + ServerErrorCode.accessDenied.map(Int.init) + [1040, 1203, 1226, 9001, 65535] {
            code.withLockedValue { $0 = UInt16(number) }
            var failure: MySQLError?
            do throws(MySQLError) {
                let connection = try await factory.openFirst(of: configuration.addresses, on: eventLoop)
                connection.close()
            } catch {
                failure = error
            }
            let error = try #require(failure, "\(number)")
            let isDenied = ServerErrorCode.accessDenied.contains(UInt32(number))
            #expect(error.code == (isDenied ? .accessDenied : .connectionFailed), "\(number): \(error)")
            #expect(!error.mayHaveBeenApplied)
            if error.serverCode != nil { #expect(error.serverCode == UInt32(number)) }
        }
    }
}
