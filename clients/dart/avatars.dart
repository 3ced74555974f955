// A whole client of the avatars backend: one file to copy into an app. It needs dio and nothing else.
// docs/flutter.md explains it.

import 'dart:async';
import 'dart:io';
import 'dart:math';
import 'dart:typed_data';

import 'package:dio/dio.dart';

typedef Json = Map<String, dynamic>;

/// What the backend says went wrong: [code] for the app, [detail] for the person.
class AvatarProblem implements Exception {
  AvatarProblem(this.status, this.code, this.detail, {this.requestId, this.retryAfter});

  final int status;
  final String code;
  final String detail;
  final String? requestId;
  final Duration? retryAfter;

  static AvatarProblem? of(DioException error) {
    final response = error.response;
    final body = response?.data;
    if (response == null || body is! Map || body['code'] is! String) return null;
    final seconds = int.tryParse(response.headers.value('retry-after') ?? '');
    return AvatarProblem(
      response.statusCode ?? 0,
      body['code'] as String,
      body['detail'] as String,
      requestId: body['requestId'] as String?,
      retryAfter: seconds == null ? null : Duration(seconds: seconds),
    );
  }

  @override
  String toString() => '$code: $detail';
}

class Original {
  Original(Json json)
      : id = json['id'] as String,
        imageUrl = json['imageUrl'] as String,
        thumbnailUrl = json['thumbnailUrl'] as String,
        fileSize = json['fileSize'] as int,
        width = json['width'] as int,
        height = json['height'] as int,
        faceCount = json['faceCount'] as int,
        createdAt = DateTime.parse(json['createdAt'] as String);

  final String id;
  final String imageUrl;
  final String thumbnailUrl;
  final int fileSize;
  final int width;
  final int height;
  final int faceCount;
  final DateTime createdAt;
}

class Cartoon {
  Cartoon(Json json)
      : id = json['id'] as String,
        originalId = json['originalId'] as String,
        imageUrl = json['imageUrl'] as String,
        thumbnailUrl = json['thumbnailUrl'] as String,
        width = json['width'] as int,
        height = json['height'] as int,
        style = json['style'] as String,
        seed = json['seed'] as int,
        createdAt = DateTime.parse(json['createdAt'] as String),
        expiresAt = DateTime.parse(json['expiresAt'] as String);

  final String id;
  final String originalId;
  final String imageUrl;
  final String thumbnailUrl;
  final int width;
  final int height;
  final String style;
  final int seed;
  final DateTime createdAt;
  final DateTime expiresAt;
}

class Face {
  Face(Json json)
      : id = json['id'] as String,
        originalId = json['originalId'] as String,
        faceUrl = json['faceUrl'] as String,
        thumbnailUrl = json['thumbnailUrl'] as String,
        fileSize = json['fileSize'] as int,
        width = json['width'] as int,
        createdAt = DateTime.parse(json['createdAt'] as String);

  final String id;
  final String originalId;
  final String faceUrl;
  final String thumbnailUrl;
  final int fileSize;
  final int width;
  final DateTime createdAt;
}

class Sticker {
  Sticker(Json json)
      : preset = json['preset'] as String,
        exportUrl = json['exportUrl'] as String,
        mimeType = json['mimeType'] as String,
        fileSize = json['fileSize'] as int;

  final String preset;
  final String exportUrl;
  final String mimeType;
  final int fileSize;
}

class Style {
  Style(Json json)
      : name = json['name'] as String,
        title = json['title'] as String,
        description = json['description'] as String,
        preview = json['preview'] as String?,
        needsFace = json['needsFace'] as bool,
        svg = json['svg'] as bool,
        engine = json['engine'] as String,
        leavesMachine = json['leavesMachine'] as bool,
        sentTo = json['sentTo'] as String? ?? '';

  final String name;
  final String title;
  final String description;
  final String? preview;
  final bool needsFace;
  final bool svg;
  final String engine;

  /// The photo is sent to somebody else's server, [sentTo]: the user has to agree first.
  final bool leavesMachine;
  final String sentTo;
}

/// That photos may be sent to an engine's server; once withdrawn, no longer.
class Consent {
  Consent(Json json)
      : engine = json['engine'] as String,
        sentTo = json['sentTo'] as String,
        givenAt = DateTime.parse(json['givenAt'] as String),
        isWithdrawn = json['withdrawnAt'] != null;

  final String engine;
  final String sentTo;
  final DateTime givenAt;
  final bool isWithdrawn;
}

/// Somebody on a photo, who can be drawn by their place in the list: [Drawing.face].
class PhotoFace {
  PhotoFace(Json json)
      : box = _boxOf(json['box'] as Json),
        prominence = (json['prominence'] as num).toDouble();

  /// In pixels of the photo.
  final Rectangle<int> box;

  /// 0 to 1; the most prominent face comes first.
  final double prominence;

  static Rectangle<int> _boxOf(Json json) =>
      Rectangle(json['left'] as int, json['top'] as int, json['width'] as int, json['height'] as int);
}

/// A photo with who is on it and the cartoons that are left of it, oldest first.
class OriginalDetail {
  OriginalDetail(Json json)
      : original = Original(json['original'] as Json),
        faces = _all(json['faces'], PhotoFace.new),
        cartoons = _all(json['cartoons'], Cartoon.new);

  final Original original;
  final List<PhotoFace> faces;
  final List<Cartoon> cartoons;
}

class Uploaded {
  Uploaded(Json json)
      : original = Original(json['original'] as Json),
        faces = _all(json['faces'], PhotoFace.new),
        cartoon = Cartoon(json['cartoon'] as Json),
        deviceToken = json['deviceToken'] as String?;

  final Original original;
  final List<PhotoFace> faces;
  final Cartoon cartoon;
  final String? deviceToken;
}

/// How a cartoon is drawn; what is left out, the service chooses.
class Drawing {
  const Drawing({this.style, this.seed, this.size, this.framing, this.face});

  final String? style;
  final int? seed;

  /// Longest side in pixels.
  final int? size;

  /// `portrait` or `full`.
  final String? framing;

  /// Whose portrait: a place in the photo's list of faces.
  final int? face;

  Json get json => {
        if (style != null) 'style': style,
        if (seed != null) 'seed': seed,
        if (size != null) 'size': size,
        if (framing != null) 'framing': framing,
        if (face != null) 'face': face,
      };
}

/// What a POST asked for, and how far it is.
class Job {
  Job(Json json)
      : id = json['id'] as String,
        kind = json['kind'] as String,
        state = json['state'] as String,
        stage = json['stage'] as String?,
        progress = (json['progress'] as num?)?.toDouble(),
        position = json['position'] as int?,
        originalId = json['originalId'] as String?,
        result = json['result'] as Json?,
        error = json['error'] as Json?;

  final String id;

  /// `upload`, `regenerate` or `download`.
  final String kind;

  /// `queued`, `running`, `succeeded`, `failed` or `canceled`.
  final String state;
  final String? stage;
  final double? progress;

  /// Place in the queue: 1 is drawn next.
  final int? position;

  /// The photo it is about; of an upload once there is one.
  final String? originalId;
  final Json? result;
  final Json? error;

  bool get isFinished => state != 'queued' && state != 'running';

  Original? get original => _one('original', Original.new);
  Cartoon? get cartoon => _one('cartoon', Cartoon.new);
  Face? get face => _one('face', Face.new);

  T? _one<T>(String name, T Function(Json) make) {
    final json = result?[name];
    return json == null ? null : make(json as Json);
  }
}

class Page<T> {
  Page(this.items, this.nextCursor);

  final List<T> items;

  /// Null on the last page.
  final String? nextCursor;
}

class Avatars {
  /// [deviceId] is made once for each installation and kept, as [token] is. A value that two phones could
  /// share (the model's name, a constant, an id that was never filled in) would show one the other's photos.
  Avatars(this.base, this.deviceId, {this.token, Dio? dio})
      : _dio = dio ??
            Dio(BaseOptions(
              baseUrl: base.toString(),
              connectTimeout: const Duration(seconds: 10),
              // A drawing takes a second or two, and may wait for its turn.
              receiveTimeout: const Duration(seconds: 90),
            ));

  final Uri base;
  final String deviceId;
  String? token;
  final Dio _dio;

  // --- photos and cartoons

  /// [key] names what the user did: the same one for every try, also after a restart.
  Future<Uploaded> upload(File photo,
      {required String key,
      Drawing drawing = const Drawing(),
      void Function(int sent, int total)? onSend,
      CancelToken? cancel}) async {
    final answer = await _upload(photo, key, drawing, onSend: onSend, cancel: cancel);
    return Uploaded(answer);
  }

  Future<Cartoon> regenerate(String originalId,
      {required String key, Drawing drawing = const Drawing(), CancelToken? cancel}) async {
    final answer = await _regenerate(originalId, key, drawing, cancel: cancel);
    return Cartoon(answer['cartoon'] as Json);
  }

  Future<Page<Original>> originals({String? cursor, int limit = 20}) =>
      _page('/api/originals', Original.new, cursor, limit);

  Future<OriginalDetail> original(String id) async =>
      OriginalDetail(await _send('GET', '/api/originals/$id'));

  Future<void> deleteOriginal(String id) => _send('DELETE', '/api/originals/$id');

  /// The shapes of a cartoon whose style has [Style.svg].
  Future<Uint8List> svg(String cartoonId) => _bytes('/api/cartoons/$cartoonId/svg');

  Future<List<Style>> styles() async => _all((await _send('GET', '/api/styles'))['items'], Style.new);

  /// The photo in every style, small, as `data:` URLs by the style's name; [face] as in [Drawing.face].
  Future<Map<String, String>> previews(String originalId, {int? face}) async {
    final answer = await _send('GET', '/api/originals/$originalId/previews',
        query: {if (face != null) 'face': face});
    return {
      for (final item in answer['items'] as List) (item as Json)['style'] as String: item['image'] as String,
    };
  }

  // --- faces

  /// [format]: `png`, `webp` or `jpeg`. [background]: `#rrggbb` or `transparent`. [size]: longest side in
  /// pixels.
  Future<Face> download(String cartoonId,
      {required String key,
      String format = 'png',
      String? background,
      int? size,
      CancelToken? cancel}) async {
    final answer = await _download(cartoonId, key, format, background, size, cancel: cancel);
    return Face(answer['face'] as Json);
  }

  /// [preset]: `whatsapp`, `telegram`, `signal`, `imessage`, `circle` or `square`.
  Future<Sticker> sticker(String faceId, String preset) async {
    final answer = await _send('POST', '/api/downloaded-faces/$faceId/exports',
        body: () async => {'preset': preset});
    return Sticker(answer['export'] as Json);
  }

  Future<Page<Face>> faces({String? cursor, int limit = 20}) =>
      _page('/api/downloaded-faces', Face.new, cursor, limit);

  /// Every face, newest first, a page at a time as they are listened to.
  Stream<Face> allFaces() async* {
    String? cursor;
    do {
      final page = await faces(cursor: cursor, limit: 100);
      yield* Stream.fromIterable(page.items);
      cursor = page.nextCursor;
    } while (cursor != null);
  }

  Future<void> deleteFace(String id) => _send('DELETE', '/api/downloaded-faces/$id');

  // --- jobs: for what takes long, or should go on while the app is closed

  /// Promise instead of wait: the photo is safe when this returns, and drawn in its turn.
  Future<Job> uploadLater(File photo, {required String key, Drawing drawing = const Drawing()}) async {
    final answer = await _upload(photo, key, drawing, later: true);
    return Job(answer['job'] as Json);
  }

  Future<Job> regenerateLater(String originalId,
      {required String key, Drawing drawing = const Drawing()}) async {
    final answer = await _regenerate(originalId, key, drawing, later: true);
    return Job(answer['job'] as Json);
  }

  Future<Job> downloadLater(String cartoonId,
      {required String key, String format = 'png', String? background, int? size}) async {
    final answer = await _download(cartoonId, key, format, background, size, later: true);
    return Job(answer['job'] as Json);
  }

  Future<Job> job(String id, {int waitSeconds = 0}) async =>
      Job(await _send('GET', '/api/jobs/$id', query: {if (waitSeconds > 0) 'wait': waitSeconds}));

  Future<Page<Job>> jobs({String? state, String? cursor, int limit = 20}) =>
      _page('/api/jobs', Job.new, cursor, limit, {if (state != null) 'state': state});

  /// The job as it goes on, until it is finished.
  Stream<Job> follow(String id) async* {
    while (true) {
      final now = await job(id, waitSeconds: 20);
      yield now;
      if (now.isFinished) return;
      await Future<void>.delayed(const Duration(seconds: 1));
    }
  }

  Future<void> cancelJob(String id) => _send('DELETE', '/api/jobs/$id');

  // --- consent

  /// To which engines of others photos may be sent, and since when.
  Future<List<Consent>> consents() async =>
      _all((await _send('GET', '/api/device/consents'))['items'], Consent.new);

  /// Once the user has agreed that photos are sent to [Style.sentTo].
  Future<void> giveConsent(String engine) => _send('PUT', '/api/device/consents/$engine');

  Future<void> withdrawConsent(String engine) => _send('DELETE', '/api/device/consents/$engine');

  /// Tells whoever runs the service that a photo, cartoon or face is wrong. [reason] is `sexual`,
  /// `violent`, `hateful`, `not_me` or `other`.
  Future<void> report(String picture, String reason, {String note = ''}) =>
      _send('POST', '/api/reports',
          body: () async => {'picture': picture, 'reason': reason, if (note.isNotEmpty) 'note': note});

  // --- the device

  /// For the user to write down: it opens the library on another phone.
  Future<String> recoveryCode() async =>
      (await _send('POST', '/api/device/recovery-code'))['recoveryCode'] as String;

  /// Returns the device id and token that this phone has from now on; make a new [Avatars] with them.
  Future<({String deviceId, String token})> recover(String code) async {
    final answer = await _send('POST', '/api/device/recover', body: () async => {'code': code});
    return (deviceId: answer['deviceId'] as String, token: answer['deviceToken'] as String);
  }

  /// Everything of this device as a ZIP file.
  Future<void> exportTo(String path) async {
    await _dio.download('/api/device/export', path, options: Options(headers: _headers()));
  }

  /// The next upload brings a new [token].
  Future<void> forgetMe() async {
    await _send('DELETE', '/api/device');
    token = null;
  }

  // --- pictures

  /// Picture URLs are paths, unless the backend has a PUBLIC_URL; this does for both.
  String picture(String url) => base.resolve(url).toString();

  /// What a cache may keep a picture under: its name stays, its signature changes every day.
  static String cacheKey(String url) {
    final uri = Uri.parse(url);
    return uri.queryParameters.containsKey('thumbnail') ? '${uri.path}?thumbnail' : uri.path;
  }

  // --- requests

  Future<Json> _upload(File photo, String key, Drawing drawing,
      {bool later = false, void Function(int sent, int total)? onSend, CancelToken? cancel}) async {
    final answer = await _send('POST', '/api/upload',
        key: key,
        later: later,
        onSend: onSend,
        cancel: cancel,
        body: () async => FormData.fromMap({
              ...drawing.json,
              'image': await MultipartFile.fromFile(photo.path, filename: 'photo'),
            }));
    token ??= answer['deviceToken'] as String?; // keep it: it is said once
    return answer;
  }

  Future<Json> _regenerate(String originalId, String key, Drawing drawing,
          {bool later = false, CancelToken? cancel}) =>
      _send('POST', '/api/regenerate/$originalId',
          key: key, later: later, cancel: cancel, body: () async => drawing.json);

  Future<Json> _download(String cartoonId, String key, String format, String? background, int? size,
          {bool later = false, CancelToken? cancel}) =>
      _send('POST', '/api/download/$cartoonId',
          key: key,
          later: later,
          cancel: cancel,
          body: () async => {
                'format': format,
                if (background != null) 'background': background,
                if (size != null) 'size': size,
              });

  Map<String, String> _headers({String? key, bool later = false}) => {
        'X-Device-Id': deviceId,
        if (token != null) 'Authorization': 'Bearer $token',
        if (key != null) 'Idempotency-Key': key,
        if (later) 'Prefer': 'respond-async',
      };

  Future<Page<T>> _page<T>(String path, T Function(Json) make, String? cursor, int limit,
      [Json query = const {}]) async {
    final answer = await _send('GET', path,
        query: {...query, 'limit': limit, if (cursor != null) 'cursor': cursor});
    return Page(_all(answer['items'], make), answer['nextCursor'] as String?);
  }

  Future<Uint8List> _bytes(String path) async {
    final response = await _dio.get<List<int>>(path,
        options: Options(headers: _headers(), responseType: ResponseType.bytes));
    return Uint8List.fromList(response.data ?? const []);
  }

  Future<Json> _send(String method, String path,
      {String? key,
      bool later = false,
      Json? query,
      Future<Object> Function()? body,
      void Function(int sent, int total)? onSend,
      CancelToken? cancel}) async {
    for (var attempt = 1;; attempt++) {
      try {
        final response = await _dio.request<dynamic>(path,
            // Made anew for each try: a form can be sent only once.
            data: await body?.call(),
            queryParameters: query,
            onSendProgress: onSend,
            cancelToken: cancel,
            options: Options(method: method, headers: _headers(key: key, later: later)));
        return response.data is Map ? Json.from(response.data as Map) : {};
      } on DioException catch (error) {
        if (CancelToken.isCancel(error)) rethrow;
        final problem = AvatarProblem.of(error);
        // Without a key a second POST would be a second cartoon.
        final repeatable = method != 'POST' || key != null;
        final pause = repeatable ? _pauseBefore(attempt, problem) : null;
        if (pause == null) throw problem ?? error;
        await Future<void>.delayed(pause);
      }
    }
  }

  /// How long to wait before trying again; null if that would not help.
  Duration? _pauseBefore(int attempt, AvatarProblem? problem) {
    const passing = {408, 429, 500, 502, 503, 504};
    // A drawing may have been paid for: the person decides.
    const asksAPerson = {'engine_unavailable', 'moderation_unavailable'};
    final retryable = problem == null || // no answer, or not the backend's
        (passing.contains(problem.status) && !asksAPerson.contains(problem.code)) ||
        problem.code == 'request_running';
    final asked = problem?.retryAfter;
    if (!retryable || attempt >= 5 || (asked != null && asked.inSeconds > 60)) return null;
    // Doubled each time, with some chance in it, so that phones do not come back all at once.
    final backoff = Duration(milliseconds: (500 << attempt) + Random().nextInt(500));
    return asked != null && asked > backoff ? asked : backoff;
  }
}

List<T> _all<T>(Object? items, T Function(Json) make) =>
    [for (final item in items as List) make(item as Json)];
