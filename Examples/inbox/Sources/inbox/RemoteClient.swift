import AsyncHTTPClient
import NIOCore
import NIOPosix

/// Sends requests to servers that strangers name, and so only to where strangers may send us: public addresses, with a
/// limit of time, and no redirects.
struct RemoteClient: Sendable {
    /// For tests and development: also to this machine.
    var allowsLoopback = false
    /// How long a request and its answer may take.
    var timeLimit = Duration.seconds(10)

    struct Refused: Error, CustomStringConvertible {
        var reason: String

        var description: String { reason }
    }

    /// Sends a request, a GET if it isn't changed, and reads the answer.
    func send<Answer: Sendable>(
        to url: RemoteURL, _ change: @escaping @Sendable (inout HTTPClientRequest) -> Void,
        read: @escaping @Sendable (HTTPClientResponse) async throws -> Answer
    ) async throws -> Answer {
        try await withThrowingTaskGroup(of: Answer.self) { group in
            group.addTask { try await sendAtLeisure(url, change, read) }
            group.addTask {
                try await Task.sleep(for: timeLimit)
                throw Refused(reason: "it took too long")
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }

    /// Threads that may wait: looking a name up blocks. They are so many that a name that takes long delays no other.
    private static let resolvers: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 64)
        pool.start()
        return pool
    }()

    private func sendAtLeisure<Answer: Sendable>(
        _ url: RemoteURL, _ change: @Sendable (inout HTTPClientRequest) -> Void,
        _ read: @Sendable (HTTPClientResponse) async throws -> Answer
    ) async throws -> Answer {
        let address = try await Self.resolvers.runIfActive {
            try SocketAddress.makeAddressResolvingHost(url.host, port: url.port)
        }
        guard let ip = address.ipAddress, address.isPublic || (allowsLoopback && address.isLoopback) else {
            throw Refused(reason: "its address isn't a public one")
        }
        var configuration = HTTPClient.Configuration()
        // The connection goes to the address that was looked at, though the name may lead elsewhere by now.
        configuration.dnsOverride = [url.host: ip]
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        let client = HTTPClient(configuration: configuration)
        do {
            var request = HTTPClientRequest(url: url.request)
            request.headers.add(name: "user-agent", value: "fedify-kv-inbox-example")
            change(&request)
            let answer = try await read(client.execute(request, timeout: .seconds(60)))
            try await client.shutdown()
            return answer
        } catch {
            try await client.shutdown()
            throw error
        }
    }
}
