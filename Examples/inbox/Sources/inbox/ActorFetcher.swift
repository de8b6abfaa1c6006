import AsyncHTTPClient
import FedifyKv
import NIOCore
import NIOPosix

/// Fetches documents that strangers name, and so only from where strangers may send us: public addresses, with limits
/// on size and time, and no redirects.
struct ActorFetcher: Sendable {
    /// For tests and development: also from this machine.
    var allowsLoopback = false
    var maximumSize = 256 << 10
    var timeLimit = Duration.seconds(10)

    struct Refused: Error {
        var reason: String
    }

    func fetch(_ url: RemoteURL) async throws -> JSONValue {
        try await withThrowingTaskGroup(of: JSONValue.self) { group in
            group.addTask { try await fetchAtLeisure(url) }
            group.addTask {
                try await Task.sleep(for: timeLimit)
                throw Refused(reason: "it took too long")
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }

    private func fetchAtLeisure(_ url: RemoteURL) async throws -> JSONValue {
        // A thread that may wait: looking a name up blocks.
        let address = try await NIOThreadPool.singleton.runIfActive {
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
            let document = try await read(url, client)
            try await client.shutdown()
            return document
        } catch {
            try await client.shutdown()
            throw error
        }
    }

    private func read(_ url: RemoteURL, _ client: HTTPClient) async throws -> JSONValue {
        var request = HTTPClientRequest(url: url.request)
        request.headers.add(name: "accept", value: "application/activity+json")
        request.headers.add(name: "user-agent", value: "fedify-kv-inbox-example")
        let response = try await client.execute(request, timeout: .seconds(60))
        guard response.status == .ok else { throw Refused(reason: "the answer is \(response.status.code)") }
        let type = response.headers.first(name: "content-type")?.lowercased() ?? ""
        guard Inbox.isJSON(type) else { throw Refused(reason: "the answer isn't JSON") }
        let body = try await response.body.collect(upTo: maximumSize)
        // Data that was cut off by the timeout isn't a document.
        try Task.checkCancellation()
        return try JSONValue(json: String(buffer: body))
    }
}
