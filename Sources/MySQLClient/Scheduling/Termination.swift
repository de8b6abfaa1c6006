import MySQLProtocol
import NIOCore

/// Kills an abandoned statement on the server, through another connection.
///
/// A user may kill connections of its own without a privilege. (MySQL and MariaDB: "KILL".)
final class TerminationRequest: ScheduledRequest, @unchecked Sendable {
    // Safe: immutable.
    let threadID: MySQLConnection.ThreadID

    /// After this time it is not worth a connection.
    private static let limit = TimeAmount.seconds(2)

    init(_ threadID: MySQLConnection.ThreadID) {
        self.threadID = threadID
        let now = NIODeadline.now()
        super.init(lane: .termination, size: 0, created: now, waitsUntil: now + Self.limit, deadline: now + Self.limit)
    }

    override func fail(_ error: any Error) {}
}

extension TerminationRequest {
    static let execute: BatchExecutor = { requests, connection, done in
        for case let request as TerminationRequest in requests where request.claimAnswer() {
            // The ID means nothing on another server.
            guard request.threadID.server == connection.threadID?.server else { continue }
            connection.handler.query("KILL CONNECTION \(request.threadID.number)", .read) { _ in done {} }
            return connection.handler.flush()
        }
        done {}
    }
}
