/** The configuration of nginx in front of one API node. */

export interface NginxPlaces {
  /** Of nginx alone. */
  folder: string;
  /** File for its errors. */
  log: string;
  port: number;
  /** Address of the API node. */
  upstream: string;
  isRoot: boolean;
}

/**
 * Returns a configuration that passes everything on as it comes: uploads, event streams and segments are not buffered, and
 * requests that are held do not time out here.
 */
export function nginxConfiguration({ folder, log, port, upstream, isRoot }: NginxPlaces): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${folder}/${name};`)
    .join('\n');
  // The port belongs to the names by which the server knows its own page: $http_host, not $host.
  return `${isRoot ? 'user root;\n' : ''}daemon off;
worker_processes 1;
pid ${folder}/pid;
error_log ${log};
events {}
http {
  access_log off;
${temporary}
  upstream api {
    server ${new URL(upstream).host};
    keepalive 64;
  }
  server {
    listen 127.0.0.1:${port};
    client_max_body_size 0;
    client_body_timeout 1h;
    proxy_request_buffering off;
    proxy_buffering off;
    proxy_read_timeout 1h;
    proxy_send_timeout 1h;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    location / {
      proxy_pass http://api;
    }
  }
}
`;
}
