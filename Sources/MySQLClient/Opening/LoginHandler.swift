import MySQLProtocol
import NIOCore
import NIOSSL
import NIOTLS

/// A channel's first handler: logs in, with TLS if required, and is replaced by a ``ConnectionHandler``.
final class LoginHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let configuration: MySQLConfiguration
    private let tls: TLSClient?
    private var handshake: Handshake
    private var decoder: PacketDecoder
    /// The greeting has arrived, and TLS may begin.
    private var hasGreeted = false
    private let end: (Result<ConnectionHandler, MySQLError>) -> Void
    private var isDone = false
    private var encryption = Encryption.none

    /// - Parameters:
    ///   - configuration: The user and the options.
    ///   - credentials: The same, for this address.
    ///   - tls: nil: without TLS.
    ///   - isRequired: A server without TLS is refused.
    ///   - end: Called once, unless the channel never becomes active.
    init(
        _ configuration: MySQLConfiguration, _ credentials: Handshake.Credentials, tls: TLSClient?, isRequired: Bool,
        end: @escaping (Result<ConnectionHandler, MySQLError>) -> Void
    ) {
        self.configuration = configuration
        self.tls = tls
        self.end = end
        handshake = Handshake(
            credentials, tls: tls == nil ? .off : isRequired ? .required : .preferred,
            maximumPacketSize: configuration.maximumPacketSize)
        decoder = PacketDecoder(maximumPayload: Self.maximumPacket)
    }

    /// Above the size of any packet of a login, in bytes.
    private static let maximumPacket = 64 << 10

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDone else { return }
        var action = Handshake.Action.wait
        do {
            try decoder.decode(unwrapInboundIn(data)) { sequence, payload throws(ProtocolError) in
                do throws(Handshake.Failure) {
                    action = try handshake.receive(payload, sequence: sequence)
                } catch {
                    fail(context, error)
                    return false
                }
                return action.isWait
            }
            // Bytes injected here would be processed as if they came after the TLS handshake.
            if !isDone, !hasGreeted, !action.isWait, decoder.pendingBytes > 0 {
                throw Handshake.Failure.refused(
                    "the server, or someone in between, sent more than a greeting before it was answered")
            }
            if !isDone { try perform(action, context) }
        } catch let failure as Handshake.Failure {
            fail(context, failure)
        } catch {
            fail(context, .violation(error as? ProtocolError ?? .truncated))
        }
    }

    private func perform(_ action: Handshake.Action, _ context: ChannelHandlerContext) throws {
        switch action {
        case .wait: break
        case .send(let packets):
            hasGreeted = true
            context.writeAndFlush(wrapOutboundOut(packets), promise: nil)
        case .startTLS(let packet):
            hasGreeted = true
            context.writeAndFlush(wrapOutboundOut(packet), promise: nil)
            guard let tls else { return }
            try context.pipeline.syncOperations.addHandler(tls.makeHandler(), position: .first)
        case .loggedIn(let session):
            guard decoder.pendingBytes == 0 else {
                throw Handshake.Failure.violation(ProtocolError("the server sent an unsolicited packet"))
            }
            isDone = true
            let connection = ConnectionHandler(session, on: context.eventLoop, configuration, encryption)
            try context.pipeline.syncOperations.addHandler(connection, position: .after(self))
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
            end(.success(connection))
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event, let tls {
            do throws(Handshake.Failure) {
                let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
                guard tls.isNamed(by: certificate) else {
                    throw .refused("the server's certificate is issued for another name")
                }
                encryption = certificate == nil ? .unverified : tls.encryption
                let action = try handshake.tlsIsReady(isVerified: tls.isVerifying)
                if case .send(let packets) = action { context.writeAndFlush(wrapOutboundOut(packets), promise: nil) }
            } catch {
                fail(context, error)
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(context, MySQLError(.connectionFailed, "the server closed the connection during the login"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(
            context,
            TLSClient.describe(error) ?? MySQLError(.connectionFailed, "the login failed: \("\(error)".escaped())"))
    }

    private func fail(_ context: ChannelHandlerContext, _ failure: Handshake.Failure) {
        let error: MySQLError =
            switch failure {
            case .server(let packet):
                MySQLError(
                    ServerErrorCode.accessDenied.contains(UInt32(packet.code)) ? .accessDenied : .connectionFailed,
                    configuration.password.removed(from: packet.message).escaped(), serverCode: UInt32(packet.code),
                    sqlState: packet.sqlState.escaped(limit: 5))
            case .refused(let reason): MySQLError(.insecure, reason)
            case .violation(let error): MySQLError(.connectionFailed, error.description)
            }
        fail(context, error)
    }

    private func fail(_ context: ChannelHandlerContext, _ error: MySQLError) {
        guard !isDone else { return }
        isDone = true
        context.close(promise: nil)
        end(.failure(error))
    }
}

extension Handshake.Action {
    fileprivate var isWait: Bool { if case .wait = self { true } else { false } }
}
