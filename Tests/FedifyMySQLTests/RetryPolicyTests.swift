import FedifyKv
import MySQLProtocol
import NIOCore
import Testing

@testable import FedifyMySQL
@testable import MySQLClient

/// The decision after each error, for idempotent operations and for `cas`.
@Suite struct RetryPolicyTests {
    enum Outcome: String, CaseIterable {
        case retry, createTable, fail
        /// It is not tried again, as it may have been carried out.
        case outcomeUnknown
    }

    /// By what the server answers. Numbers that stand nowhere here fail.
    static let outcomes: [(numbers: [UInt16], repeatable: Outcome, cas: Outcome)] = [
        ([1020, 1040, 1203, 1205, 1213, 1317, 1412, 1461, 1615, 1969, 3024, 3101, 9001], .retry, .retry),
        ([1047, 1290, 1792, 1836, 3100], .retry, .retry),
        ([1158, 1159, 1160, 1161, 1243, 4031], .retry, .retry),
        ([1053, 1180, 1927], .retry, .outcomeUnknown),
        ([1146], .createTable, .createTable),
    ]

    /// A write that the server answers with an error.
    private func error(_ number: UInt16) -> MySQLError {
        MySQLError(
            ErrorPacket(code: number, sqlState: "HY000", message: "refused"), changesData: true, password: "")
    }

    private func outcome(_ error: MySQLError, _ policy: RetryPolicy, failed: Int = 0) -> Outcome {
        switch policy.decision(after: error, failed: failed) {
        case .createTable: .createTable
        case .retry: .retry
        case .fail: KvError(error, isRepeatable: policy.isRepeatable).code == .outcomeUnknown ? .outcomeUnknown : .fail
        }
    }

    @Test(arguments: [true, false])
    func everyNumberHasItsOutcome(isRepeatable: Bool) {
        var expected: [UInt16: Outcome] = [:]
        for row in Self.outcomes {
            for number in row.numbers { expected[number] = isRepeatable ? row.repeatable : row.cas }
        }
        // All that servers and proxies have.
        for number in 1000..<UInt16(10_000) {
            #expect(
                outcome(error(number), RetryPolicy(isRepeatable: isRepeatable)) == expected[number] ?? .fail,
                "\(number)")
        }
    }

    /// What no server says.
    @Test func theClientsOwnErrors() {
        for isRepeatable in [true, false] {
            let policy = RetryPolicy(isRepeatable: isRepeatable)
            for wasSent in [false, true] {
                let lost = MySQLError(.connectionLost, "", mayHaveBeenApplied: wasSent)
                #expect(outcome(lost, policy) == (wasSent && !isRepeatable ? .outcomeUnknown : .retry))
            }
            // The deadline, the queue's limit, the account: the next attempt would be no better.
            let codes: [MySQLError.Code] = [
                .deadlineExceeded, .acquisitionTimedOut, .tooManyQueuedOperations, .connectionFailed, .accessDenied,
                .insecure, .invalidConfiguration, .packetTooLarge, .protocolViolation, .closed,
            ]
            for code in codes { #expect(outcome(MySQLError(code, ""), policy) == .fail, "\(code)") }
        }
    }

    @Test func theTableIsCreatedOnce() {
        #expect(outcome(error(1146), RetryPolicy(createsTable: false)) == .fail)
    }

    /// A store on a server that isn't there.
    private func attempts(until deadline: NIODeadline? = nil, createsTable: Bool) throws -> Attempts {
        var options = MySQLKvStoreOptions()
        options.createsTable = createsTable
        let kv = try MySQLKvStore(MySQLPool(url: "mysql://u@127.0.0.1:1/d"), options: options)
        return Attempts(kv.access, deadline: deadline)
    }

    /// A store that doesn't create tables sends nothing, and reports that there is none.
    @Test func theTableMayBeMissing() async throws {
        var attempts = try attempts(createsTable: false)
        let failure = await #expect(throws: KvError.self) { try await attempts.pause(after: error(1146)) }
        #expect(failure?.code == .serverError && (failure?.underlyingError as? MySQLError)?.serverCode == 1146)
    }

    /// To create it the operation has no more time than it had.
    @Test func creatingTheTableEndsAtTheDeadline() async throws {
        let begun = ContinuousClock.now
        var attempts = try attempts(until: .now() + .milliseconds(300), createsTable: true)
        let failure = await #expect(throws: KvError.self) { try await attempts.pause(after: error(1146)) }
        #expect(failure?.code == .connectionFailed, "\(String(describing: failure))")
        #expect(begun.duration(to: .now) < .seconds(5), "the timeout of an operation is 10 s")
    }

    /// They grow, up to a quarter of a second.
    @Test func pausesAreBounded() {
        let pauses = (0..<20).map { failed in
            guard case .retry(let pause) = RetryPolicy().decision(after: error(1213), failed: failed) else { return -1 }
            return pause
        }
        #expect(pauses.first == 4)
        #expect(zip(pauses, pauses.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(pauses.last == 250)
    }

    // MARK: - The documentation's table

    /// The documentation has every number, with the decision that is made.
    @Test func theDocumentationSaysTheSame() throws {
        let table = try DocumentedTable(below: "What is tried again", "What is retried")
        let (repeatable, cas) = (try #require(table.column("`set`")), try #require(table.column("`cas`")))
        var documented: Set<UInt16> = []
        for row in table.rows {
            for match in row[0].matches(of: /\b[1-9][0-9]{3}\b/) {
                let number = try #require(UInt16(match.output))
                documented.insert(number)
                let first = Self.outcome(row[repeatable])
                // "the same": as in the column before.
                let second = row[cas] == "the same" ? first : Self.outcome(row[cas])
                #expect(first == outcome(error(number), RetryPolicy()), "\(number): \(row[repeatable])")
                #expect(second == outcome(error(number), RetryPolicy(isRepeatable: false)), "\(number): \(row[cas])")
            }
        }
        let needed = [ServerErrorCode.transient, ServerErrorCode.notWritable, ServerErrorCode.outcomeUnknown]
        #expect(Set(needed.joined()).subtracting(documented.map(UInt32.init)) == [])
    }

    private static func outcome(_ text: String) -> Outcome? {
        if text.hasPrefix("again") || text.hasPrefix("retried") || text.hasPrefix("yes") { return .retry }
        if text.contains("outcomeUnknown") { return .outcomeUnknown }
        return text.contains("serverError") ? .fail : nil
    }
}
