import NIOConcurrencyHelpers

/// The servers of a pool, and which of them its connections go to: all to the same one, so that a caller reads what it
/// wrote.
final class ServerList: Sendable {
    typealias Address = MySQLConfiguration.Address

    private struct State {
        /// The server in use first. A server that was left goes to the end.
        var candidates: [Address]
        /// Open connections to the server in use.
        var connections = 0
        var flavor: MySQLServer.Flavor?
        var wasConnected = false
    }

    private let state: NIOLockedValueBox<State>

    init(_ addresses: [Address]) {
        state = NIOLockedValueBox(State(candidates: addresses))
    }

    /// In the order in which they are tried.
    var candidates: [Address] { state.withLockedValue(\.candidates) }

    var present: MySQLPool.Server {
        state.withLockedValue { MySQLPool.Server(address: $0.candidates[0], flavor: $0.flavor) }
    }

    enum Decision {
        case use
        /// The pool switched to another server.
        case refuse
        /// The pool switched here from that one.
        case moved(from: Address)
    }

    /// A connection was opened.
    func opened(_ connection: MySQLConnection) -> Decision {
        state.withLockedValue { state in
            let former = state.candidates[0]
            var decision = Decision.use
            if former != connection.address {
                if state.connections > 0 { return .refuse }
                let others = state.candidates.dropFirst().filter { $0 != connection.address }
                state.candidates = [connection.address] + others + [former]
                if state.wasConnected { decision = .moved(from: former) }
            }
            state.connections += 1
            state.flavor = connection.server.flavor
            state.wasConnected = true
            return decision
        }
    }

    /// A connection that was used was closed.
    func closed(_ address: Address) {
        state.withLockedValue { state in
            if state.candidates[0] == address, state.connections > 0 { state.connections -= 1 }
        }
    }

    /// The server in use accepts no writes any more.
    func leave(_ address: Address) {
        state.withLockedValue { state in
            guard state.candidates[0] == address else { return }
            state.candidates.append(state.candidates.removeFirst())
            state.connections = 0
        }
    }
}
