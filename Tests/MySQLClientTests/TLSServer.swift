import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL

/// A server that greets, does a TLS handshake if it is asked to, and records what it is sent besides. It refuses every
/// login.
final class TLSServer: Sendable {
    /// The bytes and handshake of one client.
    struct Seen: Equatable, Sendable {
        /// Bytes sent in clear, the request for TLS excepted.
        var clear: [UInt8] = []
        /// Bytes sent through TLS.
        var secret: [UInt8] = []
        var isCertified = false
    }

    private let channel: any Channel
    private let record: NIOLockedValueBox<Seen>

    var port: UInt16 { UInt16(channel.localAddress?.port ?? 0) }
    var seen: Seen { record.withLockedValue(\.self) }

    /// - Parameters:
    ///   - host: The address to listen on.
    ///   - greeting: The payload of the first packet.
    ///   - certificate: A file with certificate and key; nil: TLS is not offered.
    ///   - clientAuthority: A file; clients must show a certificate that it signed.
    /// - Returns: A server that listens.
    /// - Throws: Errors of the files or the socket.
    static func start(
        on host: String, greeting: [UInt8], certificate: String?, clientAuthority: String? = nil
    ) async throws -> TLSServer {
        let context = try certificate.map { file in
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(file).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: file, format: .pem)))
            if let clientAuthority {
                configuration.certificateVerification = .noHostnameVerification
                configuration.trustRoots = .file(clientAuthority)
            }
            return try NIOSSLContext(configuration: configuration)
        }
        let record = NIOLockedValueBox(Seen())
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Handler(greeting, context, requiresCertificate: clientAuthority != nil, record))
                }
            }
            .bind(host: host, port: 0).get()
        return TLSServer(channel, record)
    }

    private init(_ channel: any Channel, _ record: NIOLockedValueBox<Seen>) {
        self.channel = channel
        self.record = record
    }

    func stop() async throws {
        try await channel.close()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let greeting: [UInt8]
        private let context: NIOSSLContext?
        private let requiresCertificate: Bool
        private let record: NIOLockedValueBox<Seen>
        private var isSecret = false

        init(
            _ greeting: [UInt8], _ context: NIOSSLContext?, requiresCertificate: Bool,
            _ record: NIOLockedValueBox<Seen>
        ) {
            self.greeting = greeting
            self.context = context
            self.requiresCertificate = requiresCertificate
            self.record = record
        }

        func channelActive(context: ChannelHandlerContext) {
            send([UInt8(greeting.count), 0, 0, 0] + greeting, context)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = Array(unwrapInboundIn(data).readableBytesView)
            // A request for TLS is a packet of 32 bytes; what follows may have come with it.
            if !isSecret, let tls = self.context, bytes.count >= 36, bytes[0] == 32 {
                isSecret = true
                try? context.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls), position: .first)
                if bytes.count > 36 { context.pipeline.fireChannelRead(ByteBuffer(bytes: bytes[36...])) }
                return
            }
            record.withLockedValue { seen in
                if isSecret { seen.secret += bytes } else { seen.clear += bytes }
                seen.isCertified = requiresCertificate && isSecret
            }
            let error: [UInt8] = [0xFF, 0x15, 0x04] + Array("#28000no".utf8)
            send([UInt8(error.count), 0, 0, isSecret ? 3 : 2] + error, context)
        }

        private func send(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
