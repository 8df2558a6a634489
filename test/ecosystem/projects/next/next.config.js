export default { basePath: '/sub' };
