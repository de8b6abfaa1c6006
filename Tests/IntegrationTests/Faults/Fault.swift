import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// The faults of a server or its network.
enum Fault: String, CaseIterable, CustomTestStringConvertible {
    case cut = "connections cut"
    case outage = "no listener for a while"
    case delay = "200 ms of delay"
    case blackHole = "no packet arrives for a while"
    case halfOpen = "connections that only the server has forgotten"
    case truncate = "answers truncated"
    case killServer = "kill -9 and restart"
    case stopServer = "SIGSTOP for a while"
    case killConnections = "KILL of all connections"
    case killQueries = "KILL QUERY on all connections"
    case diskFull = "no room for the table"
    case tooManyConnections = "max_connections reached"
    case readOnly = "read-only for a while"
    case lockedRows = "all rows locked for a while"
    case idleTimeout = "wait_timeout"

    var testDescription: String { rawValue }

    /// The deadline of the load's operations. Where a connection goes silent only the deadline ends the wait.
    var deadline: Duration {
        switch self {
        case .blackHole, .halfOpen, .stopServer: .seconds(2)
        default: .seconds(20)
        }
    }

    /// The errors that get, set and delete may throw; cas may also throw `outcomeUnknown`.
    var errors: Set<KvError.Code> {
        switch self {
        case .blackHole, .halfOpen, .stopServer: [.deadlineExceeded, .overloaded, .connectionFailed]
        case .diskFull: [.serverError]
        default: []
        }
    }

    /// The bytes of the load's values. A table with room in its last pages takes small ones though the disk is full.
    var padding: Int { self == .diskFull ? 8000 : 100 }

    /// Where a full disk's table ends, in bytes: above the servers' logs, which no test fills.
    static let fileLimit = 160 << 20

    /// A table that was full has pages to use again: each time takes another one.
    var needsNewTable: Bool { self == .diskFull }

    /// Needs the server's process.
    private var needsProcess: Bool { self == .killServer || self == .stopServer || self == .diskFull }

    /// Whether it can happen to a server: one of the server's process needs a server that the tests have started.
    func canHappen(to server: TestServer) -> Bool { !needsProcess || !server.nodes.isEmpty }

    /// Each of some faults on each server that it can happen to.
    static func onEachServer(_ faults: [Fault]) async throws -> [(TestServer, Fault)] {
        try await TestServer.all.flatMap { server in
            faults.filter { $0.canHappen(to: server) }.map { (server, $0) }
        }
    }

    /// Runs a body with the server prepared for the fault, and puts back what was changed.
    func prepared(_ server: TestServer, _ body: () async throws -> Void) async throws {
        switch self {
        case .idleTimeout: try await server.withGlobal("wait_timeout", "1", body)
        default: try await body()
        }
    }

    /// Starts and ends the fault, and tells the load when it ended.
    func happen(in scene: FaultScene) async throws {
        let (server, proxy, load) = (scene.server, scene.proxies[0], scene.load)
        /// Connections of the load, as the server sees them.
        func connections() async throws -> [String] {
            try await server.sql(
                "SELECT id FROM information_schema.processlist WHERE user = '\(scene.user)'"
            ).compactMap { $0[0] }
        }
        func kill(_ what: String) async throws {
            let pool = try server.pool(1)
            for id in try await connections() {
                do {
                    try await pool.withConnection { try await $0.query("KILL \(what) \(id)") }
                } catch let error as MySQLError where error.serverCode == 1094 {
                    // It has ended in the meantime.
                }
            }
            await pool.close()
        }
        switch self {
        case .cut:
            proxy.cut()
            try await load.recover()
        case .outage:
            proxy.down()
            try await Task.sleep(for: .seconds(1.5))
            try proxy.up()
            try await load.recover()
        case .delay:
            proxy.delay(by: 0.2)
            try await load.progress(50)
            proxy.delay(by: 0)
            try await load.recover()
        case .blackHole:
            proxy.hold()
            try await load.errors(8, errors)
            proxy.release()
            try await load.recover()
        case .halfOpen:
            proxy.abandon()
            try await load.recover()
        case .truncate:
            proxy.truncate()
            try await load.recover()
        case .killServer:
            try await server.nodes[0].kill9()
            try await server.nodes[0].start()
            try await server.answers()
            try await load.recover()
        case .stopServer:
            try server.nodes[0].signal(SIGSTOP)
            let result = await Result { try await load.errors(8, errors) }
            try server.nodes[0].signal(SIGCONT)
            try result.get()
            try await load.recover()
        case .killConnections:
            try await kill("CONNECTION")
            try await load.recover()
        case .killQueries:
            for _ in 0..<20 { try await kill("QUERY") }
            try await load.recover()
        case .diskFull:
            let node = server.nodes[0]
            // Otherwise the load would extend the file past its end. A full disk refuses new pages only; a server that
            // can't write the ones it has waits for that without an answer.
            load.pause()
            try await scene.growTable()
            try node.limitFileSize(to: Self.fileLimit)
            load.resume()
            let before = load.errorCount(errors)
            try await server.makeRoom { load.errorCount(errors) >= before + 8 }
            try await load.recover()
        case .tooManyConnections:
            // The least that MariaDB can be set to.
            let most = 10
            let former = try await server.sql("SELECT @@GLOBAL.max_connections")[0][0] ?? ""
            let others = try (0..<most).map { _ in try server.pool(1) }
            for pool in others { try await pool.withConnection { try await $0.query("DO 1") } }
            try await server.sql("SET GLOBAL max_connections = \(most)")
            proxy.cut()
            try await Task.sleep(for: .seconds(1))
            // One more connection is reserved for an administrator; here through an existing one.
            try await others[0].withConnection { try await $0.query("SET GLOBAL max_connections = \(former)") }
            try await load.recover()
            for pool in others { await pool.close() }
        case .readOnly:
            try await server.whileReadOnly { try await Task.sleep(for: .seconds(1)) }
            try await load.recover()
        case .lockedRows:
            try await server.whileLocked(scene.table) { try await Task.sleep(for: .seconds(2.5)) }
            try await load.recover()
        case .idleTimeout:
            load.pause()
            try await eventually { try await connections().isEmpty }
            load.resume()
            try await load.recover()
        }
    }
}

extension TestServer {
    /// Waits until the server answers.
    func answers() async throws {
        try await eventually(within: .seconds(60)) {
            do {
                try await sql("DO 1")
                return true
            } catch is MySQLError {
                return false
            }
        }
    }

    /// Waits until enough writes have failed for lack of room, and gives the server room again.
    func makeRoom(after haveFailed: () -> Bool) async throws {
        let node = nodes[0]
        // MariaDB ends itself if there is no room for what it needs to undo a statement.
        try await eventually(within: .seconds(60)) { node.processID == nil || haveFailed() }
        if node.processID == nil {
            try await node.start()
            try await answers()
        } else {
            try node.limitFileSize(to: nil)
        }
    }

    /// Runs a body while the server takes no writes.
    func whileReadOnly(_ body: () async throws -> Void) async throws {
        // MySQL's administrators may write unless this one is on.
        try await sql("SET GLOBAL \(isMariaDB ? "read_only" : "super_read_only") = ON")
        let result = await Result { try await body() }
        try await sql("SET GLOBAL read_only = OFF")
        try result.get()
    }

    /// Runs a body while another transaction holds the locks of all rows of a table, and of the gaps between them.
    fileprivate func whileLocked(_ table: String, _ body: () async throws -> Void) async throws {
        let other = try await OpenTransaction(on: self, "SELECT COUNT(*) FROM `\(table)` FOR UPDATE")
        let result = await Result { try await body() }
        try await other.commit()
        try result.get()
    }
}

extension FaultScene {
    /// The prefix of rows that only fill the table.
    static let filler = "filler"

    /// Grows the table's file until little is left up to ``Fault/fileLimit``.
    fileprivate func growTable() async throws {
        let value = JSONValue(uncheckedJSON: "\"\(String(repeating: "x", count: 1 << 20))\"")
        for number in 0..<150 { try await direct.set([Self.filler, "\(number)"], value) }
    }
}
